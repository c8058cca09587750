"""The model files that export_models.py writes, made once and kept."""

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from taskzip.contracts.paths import cache_dir
from taskzip.pipeline import exporters

_SCRIPT = Path(__file__).with_name("export_models.py")


def exported_models() -> Path:
    """The folder; made again when an exporter, the script or what they stand on changed."""
    folder = cache_dir() / "test-models" / _recipe_hash()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".partial-") as partial:
            made = Path(partial) / "made"
            made.mkdir()
            # A process of its own: importing the frameworks takes most of the time and memory.
            subprocess.run([sys.executable, "-W", "ignore", _SCRIPT, made], check=True)
            made.rename(folder)
    return folder


def _recipe_hash() -> str:
    digest = hashlib.sha256()
    for source in (*sorted(Path(exporters.__file__).parent.glob("*.py")), _SCRIPT):
        digest.update(source.read_bytes())
    for package in ("torch", "executorch", "litert-torch"):
        digest.update(f"{package}=={version(package)}".encode())
    return digest.hexdigest()[:16]
