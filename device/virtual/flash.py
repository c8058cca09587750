"""The flash of the counted clock: a null_blk device in the guest, whose waits the guest counts.

Its empty file system reaches the guest in the initial memory disk: a file per run of blocks, named
by the number of the first one.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from taskzip.device.virtual import cpio
from taskzip.device.virtual.filesystem import BLOCK_BYTES, make_ext4

_CONTENT = "flash/content"
_HOLE = bytes(BLOCK_BYTES)


def flash_content(mib: int) -> bytes:
    """An archive that, behind the initial memory disk, brings an empty ext4 of that size."""
    with TemporaryDirectory() as folder:
        image = Path(folder) / "flash.ext4"
        make_ext4(image, mib * 1024)
        return cpio.archive(
            cpio.file(f"{_CONTENT}/{block}", content) for block, content in runs_of_blocks(image)
        )


def runs_of_blocks(image: Path) -> Iterator[tuple[int, bytes]]:
    """Number of the first block and content of each run of blocks that are not all zeros."""
    first, run = 0, b""
    for block, content in _written_blocks(image):
        if content == _HOLE:
            continue
        if block != first + len(run) // BLOCK_BYTES:
            if run:
                yield first, run
            first, run = block, b""
        run += content
    if run:
        yield first, run


def _written_blocks(image: Path) -> Iterator[tuple[int, bytes]]:
    """Blocks that the image's own file system holds; the rest is holes and reads as zeros."""
    with image.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        position = 0
        while position < end:
            try:
                position = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole up to the end
                return
            hole = os.lseek(file.fileno(), position, os.SEEK_HOLE)
            for block in range(position // BLOCK_BYTES, -(-hole // BLOCK_BYTES)):
                yield block, os.pread(file.fileno(), BLOCK_BYTES, block * BLOCK_BYTES)
            position = -(-hole // BLOCK_BYTES) * BLOCK_BYTES
