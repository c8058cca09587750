"""A measurement packed into one archive, and back: the report is made again bit for bit.

The archive holds what the report is computed from, raw records, conditions, manifest, outputs and
seeds, and the report itself; the hash of `evidence.json`, which names the content of every file,
stands for all of it. Model files are not in it: their hashes are.
"""

import hashlib
import platform
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from taskzip.benchmarks.journal import OUTPUTS_DIR, RECORDS_FILE, SESSION_FILE
from taskzip.contracts.battery import BATTERY_FILE
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle, File
from taskzip.contracts.document import replacing
from taskzip.contracts.errors import BadInput
from taskzip.contracts.evidence import EVIDENCE_FILE, Evidence
from taskzip.contracts.report import REPORT_FILE

_BUNDLE_DIR = "bundle"
_NEEDED = (RECORDS_FILE, SESSION_FILE, REPORT_FILE, "report.html", f"{_BUNDLE_DIR}/{BUNDLE_FILE}")
_WHERE_PRESENT = (
    *("config.json", "zip.json", "zip/plan.json"),
    *("pushed.json", BATTERY_FILE, "ledger.json"),
)
_PACKAGES = ("taskzip", "numpy", "scipy", "matplotlib", "jinja2", "squarify")
_MOST_BYTES = 4 << 30
"""Larger archives are refused before anything is unpacked."""
_LARGEST_MANIFEST = 16 << 20
_CHUNK = 1 << 20
_DAMAGED = (
    *(OSError, EOFError, zlib.error, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError),  # another compression, a password
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path, archive: Path) -> str:
    """Pack what was measured in `folder`; returns the hash. BadInput when something is missing."""
    paths = _paths(folder)
    evidence = Evidence(files=tuple(_file(folder, path) for path in paths), versions=_versions())
    manifest = evidence.model_dump_json(indent=2).encode()
    try:
        with replacing(archive) as partial, zipfile.ZipFile(partial, "w") as out:
            out.writestr(_entry(EVIDENCE_FILE), manifest)
            for path in paths:
                with (folder / path).open("rb") as source, out.open(_entry(path), "w") as target:
                    shutil.copyfileobj(source, target)
    except OSError as error:
        raise BadInput(f"{archive}: cannot be written ({error.strerror})") from error
    return hashlib.sha256(manifest).hexdigest()


@contextmanager
def unpacked(archive: Path) -> Iterator[tuple[Path, Evidence, str]]:
    """A temporary folder with the files, the manifest and its hash.

    BadInput when the archive is damaged, or a file is not what the manifest says.
    """
    with TemporaryDirectory(prefix="taskzip-") as name:
        folder = Path(name)
        try:
            with zipfile.ZipFile(archive) as source:
                with source.open(EVIDENCE_FILE) as file:
                    manifest = file.read(_LARGEST_MANIFEST)
                evidence = Evidence.parse(manifest, f"{archive}: {EVIDENCE_FILE}")
                _refuse_too_large(archive, evidence)
                for each in evidence.files:
                    _unpack(source, each, folder / each.path, archive)
        except KeyError as error:
            raise BadInput(f"{archive}: {error.args[0]}") from error
        except _DAMAGED as error:
            raise BadInput(f"{archive}: cannot be unpacked ({error})") from error
        yield folder, evidence, hashlib.sha256(manifest).hexdigest()


def changed_files(folder: Path, evidence: Evidence) -> list[str]:
    """Files whose content is no longer what the manifest says."""
    return [each.path for each in evidence.files if _file(folder, each.path) != each]


def changed_versions(evidence: Evidence) -> list[str]:
    """`numpy 2.4.6, here 2.5.0` for each package that is another here."""
    here = _versions()
    return [
        f"{name} {made}, here {here.get(name, 'none')}"
        for name, made in evidence.versions.items()
        if here.get(name) != made
    ]


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def _paths(folder: Path) -> list[str]:
    for path in _NEEDED:
        if not (folder / path).is_file():
            raise BadInput(f"{folder / path} is missing: nothing was measured there, or not all")
    bundle = Bundle.read(folder / _BUNDLE_DIR / BUNDLE_FILE)
    data = [f"{_BUNDLE_DIR}/{file.path}" for file in bundle.data]
    outputs = (folder / OUTPUTS_DIR).rglob("*")
    written = [path.relative_to(folder).as_posix() for path in outputs if path.is_file()]
    present = [path for path in (*_WHERE_PRESENT, *data) if (folder / path).is_file()]
    return sorted({*_NEEDED, *present, *written})


def _file(folder: Path, path: str) -> File:
    digest, size = hashlib.sha256(), 0
    with (folder / path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return File(path=path, bytes=size, sha256=digest.hexdigest())


def _entry(path: str) -> zipfile.ZipInfo:
    """Without date or owner: the same files always give the same archive."""
    entry = zipfile.ZipInfo(path, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _refuse_too_large(archive: Path, evidence: Evidence) -> None:
    total = sum(each.bytes for each in evidence.files)
    if total > _MOST_BYTES:
        raise BadInput(f"{archive}: {total:,} bytes unpacked, at most {_MOST_BYTES:,} are taken")


def _unpack(source: zipfile.ZipFile, each: File, target: Path, archive: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), each.bytes
    with source.open(each.path) as file, target.open("wb") as out:
        while chunk := file.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            out.write(chunk)
    if left != 0 or digest.hexdigest() != each.sha256:
        raise BadInput(f"{archive}: {each.path} is not what {EVIDENCE_FILE} says")
