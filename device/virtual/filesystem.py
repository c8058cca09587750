"""ext4 images, made without mounting anything."""

from pathlib import Path

from taskzip.device.virtual.programs import run_step

BLOCK_BYTES = 4096
"""As on a phone."""
_OPTIONS = ("-q", "-t", "ext4", "-b", str(BLOCK_BYTES), "-m", "0", "-O", "^has_journal")
"""No journal, whose writes would disturb measurements."""


def make_ext4(file: Path, kib: int, content: Path | None = None) -> None:
    """Make `file` an ext4 file system of that size, sparse, holding the tree `content`."""
    filled = () if content is None else ("-d", content)
    run_step(f"making {file.name}", ["mke2fs", *_OPTIONS, *filled, file, f"{kib}k"])
