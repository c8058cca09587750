"""Debian packages of another architecture and release, without touching this system's own.

apt-get runs with a configuration, package lists and a status of its own in one folder: no root,
no namespaces, nothing installed. Signatures are checked as always.
"""

import os
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.progress import Progress
from taskzip.device.virtual.errors import ImageBuildFailed, ProgramMissing
from taskzip.device.virtual.programs import find_program, run_step

SUITE = "trixie"
"""The release that packages Android's adbd."""
ARCHITECTURE = "arm64"
MIRROR_VARIABLE = "TASKZIP_DEBIAN_MIRROR"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_TARGETS = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)"
_NOT_CARRIED = ("Acquire::IndexTargets", "Acquire::CompressionTypes", "Acquire::Changelogs")
_DOWNLOAD = ("--quiet", "--yes", "--no-install-recommends", "--download-only", "install")
_STATUS = """\
Package: taskzip-guest
Status: install ok installed
Architecture: all
Multi-Arch: foreign
Maintainer: taskzip <taskzip@localhost>
Version: 1
Provides: kmod, linux-base (= 99), initramfs-tools (= 99), linux-initramfs-tool
Description: stands for the boot tools that the guest does without
"""
"""The system that apt believes to be there: it keeps the kernel from pulling in systemd."""


@dataclass(frozen=True)
class Package:
    """A downloaded package."""

    name: str
    version: str
    file: Path


def fetch_packages(names: Sequence[str], folder: Path, progress: Progress) -> tuple[Package, ...]:
    """Download `names` and what they depend on into `folder`; sorted by name."""
    find_program("gpgv")
    if not KEYRING.is_file():
        raise ProgramMissing(f"Debian's key ring {KEYRING}", "debian-archive-keyring")
    mirror = find_mirror()
    environment = {"APT_CONFIG": str(_configure(folder, mirror))}
    progress.step(f"Reading the package lists of Debian {SUITE} {ARCHITECTURE}")
    run_step(
        f"apt-get update from {mirror}",
        ["apt-get", "--error-on=any", "--quiet", "update"],
        environment,
    )
    progress.step("Downloading kernel and packages (about 40 MiB)")
    run_step(
        f"apt-get download from {mirror}",
        ["apt-get", *_DOWNLOAD, *names],
        environment,
    )
    files = (folder / "cache" / "archives").glob("*.deb")
    return tuple(sorted((package_of(file) for file in files), key=lambda package: package.name))


def package_of(file: Path) -> Package:
    """Name and version as apt writes them into a file's name: `name_version_architecture.deb`."""
    name, version, _ = file.name.split("_")
    return Package(name, urllib.parse.unquote(version), file)


def find_mirror() -> str:
    """The Debian mirror that this computer's apt uses, or the one in $TASKZIP_DEBIAN_MIRROR."""
    override = os.environ.get(MIRROR_VARIABLE)
    if override:
        return override
    listed = run_step("apt-get indextargets", ["apt-get", "indextargets", "--format", _TARGETS])
    if not listed.strip():  # no package lists on this computer yet: the sources alone
        listed = run_step(
            "apt-get indextargets",
            ["apt-get", "indextargets", "--no-release-info", "--format", _TARGETS],
        )
    mirror = choose_mirror(listed.splitlines())
    if mirror is None:
        raise ImageBuildFailed(
            "this computer's apt names no Debian mirror; "
            f"set {MIRROR_VARIABLE} to the address of one",
            listed,
        )
    return mirror


def choose_mirror(targets: Iterable[str]) -> str | None:
    """The most Debian-like address of `URI <tab> RELEASE <tab> COMPONENT <tab> ORIGIN` lines."""
    main = [
        (uri, origin)
        for uri, release, component, origin in (line.split("\t") for line in targets)
        if component == "main" and re.fullmatch(r"[a-z]+", release)
    ]
    by_origin = [uri for uri, origin in main if origin == "Debian"]
    by_path = [uri for uri, _ in main if re.search(r"/debian(/|\.list)?$", uri)]
    return next(iter(by_origin + by_path), None)


def _configure(folder: Path, mirror: str) -> Path:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").write_text(_STATUS)
    (folder / "sources.list").write_text(
        f"deb [signed-by={KEYRING} arch={ARCHITECTURE}] {mirror} {SUITE} main\n"
    )
    configuration = folder / "apt.conf"
    configuration.touch(mode=0o600)  # a proxy's address may carry a password
    configuration.write_text("\n".join([*_carried_settings(), *_settings(folder)]) + "\n")
    return configuration


def _carried_settings() -> list[str]:
    """How this computer's apt reaches a mirror (proxies, certificates), without its hooks."""
    dumped = run_step("apt-config dump", ["apt-config", "dump"])
    return [
        line
        for line in dumped.splitlines()
        if line.startswith("Acquire::") and not line.startswith(_NOT_CARRIED)
    ]


def _settings(folder: Path) -> list[str]:
    values = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": f"{folder}/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::trusted": "/dev/null",
        "Dir::Etc::trustedparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": f"{folder}/state",
        "Dir::State::status": f"{folder}/status",
        "Dir::Cache": f"{folder}/cache",
        "APT::Architecture": ARCHITECTURE,
        "APT::Architectures": ARCHITECTURE,
        "APT::Sandbox::User": "",  # the folder is the user's own: no other user could write there
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return [f'{name} "{value}";' for name, value in values.items()]
