"""The ledger of a model file, or of all files of a bundle."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.ledger import FileLedger, Ledger
from taskzip.contracts.names import Runtime
from taskzip.pipeline.inspection.pte import read_ptd, read_pte
from taskzip.pipeline.inspection.stored import Contents, ledger_of
from taskzip.pipeline.inspection.tflite import read_tflite

_READERS: dict[str, tuple[Runtime, Callable[[Path], Contents]]] = {
    ".pte": ("executorch", read_pte),
    ".ptd": ("executorch", read_ptd),
    ".tflite": ("litert", read_tflite),
}


def inspect(path: Path) -> Ledger:
    """The ledger of `path`: a .pte, a .tflite, or a bundle's folder.

    BadInput when it is missing or damaged, or when a bundle's file is not the one that it lists.
    """
    if path.is_dir():
        return _inspect_bundle(path)
    return Ledger(files=(inspect_file(path, path.name),))


def inspect_file(path: Path, name: str) -> FileLedger:
    """The ledger of one file, called `name` in it."""
    if path.suffix not in _READERS:
        raise BadInput(f"{path}: its name must end in {', '.join(_READERS)}, or be a folder's")
    runtime, read = _READERS[path.suffix]
    try:
        return ledger_of(read(path), path, name)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{path}: cannot be read without {error.name}; try: pip install 'taskzip[{runtime}]'"
        ) from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:
        raise BadInput(
            f"{path}: is no {path.suffix} file or is damaged ({type(error).__name__}: {error})"
        ) from error


def _inspect_bundle(folder: Path) -> Ledger:
    bundle = Bundle.read(folder / BUNDLE_FILE)
    for model in bundle.models:
        _check_unchanged(folder / model.path, model.sha256)
    sharing = bundle.sharing
    files = tuple(
        inspect_file(folder / each.path, each.path) for each in bundle.models if each.entries
    )
    _check_plans(bundle, files)
    return Ledger(
        files=files,
        minimum_bytes=sharing.shared_bytes + sum(sharing.private_bytes.values()),
    )


def _check_plans(bundle: Bundle, files: Sequence[FileLedger]) -> None:
    """BadInput where a file says that another plan made it than the manifest does."""
    for file in files:
        plan = file.provenance.plan_sha256 if file.provenance else None
        if plan not in (None, bundle.plan_sha256):
            raise BadInput(
                f"{file.path} says that plan {plan} made it, {BUNDLE_FILE} says "
                f"{bundle.plan_sha256}; make the bundle again with `deploy export`"
            )


def _check_unchanged(path: Path, sha256: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path}: the bundle lists it, but {error.strerror}") from error
    if found != sha256:
        raise BadInput(
            f"{path}: is not the file that the bundle lists (sha256 {found[:12]}…, not "
            f"{sha256[:12]}…); make the bundle again with `deploy export`"
        )
