"""The image of the emulated device: kernel, initial memory disk and root file system.

Built once from Debian packages, by any user and without running a foreign program, and kept under
the hash of its recipe.
"""

import hashlib
import lzma
import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from taskzip.contracts.document import Document
from taskzip.contracts.paths import cache_dir
from taskzip.contracts.progress import Progress
from taskzip.device.virtual import cpio
from taskzip.device.virtual.debian import ARCHITECTURE, SUITE, Package, fetch_packages
from taskzip.device.virtual.errors import ImageBuildFailed
from taskzip.device.virtual.filesystem import make_ext4
from taskzip.device.virtual.idler import idle_program
from taskzip.device.virtual.lock import locked
from taskzip.device.virtual.programs import find_program, run_step

PACKAGES = (
    "adbd",
    "android-boringssl",
    "busybox-static",
    "libgcc-s1",
    "libstdc++6",
    "linux-image-cloud-arm64",
    "mksh",
    "toybox",
)
MODULES = ("failover", "net_failover", "virtio_net", "virtio_blk", "virtio_mmio")
"""Drivers of the initial memory disk, in the order in which they need each other."""
FLASH_MODULES = ("configfs", "mq-deadline", "null_blk")
"""Likewise, for the flash of the counted clock."""

_RECIPE_VERSION = 3  # raised when the same ingredients are put together differently
_SIGNATURE_END = b"~Module signature appended~\n"
_SIGNATURE_TRAILER_BYTES = 12
_LEFT_OUT = ("boot", "usr/lib/modules", "usr/share", "usr/lib/aarch64-linux-gnu/gconv")
_BOOT_FOLDERS = (
    *("bin", "dev", "flash", "flash/config", "flash/content"),
    *("modules", "modules/flash", "root"),
)
_FOLDERS = ("data", "dev", "proc", "run", "sys", "system/bin", "tmp")
_LINKS = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "sbin": "usr/sbin",
    "usr/bin/sh": "mksh",
    "system/bin/adbd": "../../usr/sbin/adbd",
    "system/bin/sh": "../../usr/bin/mksh",
    "system/bin/toybox": "../../usr/bin/toybox",
}
_FILES = {
    "init.sh": "init",
    "getprop.sh": "system/bin/getprop",
    "sha256sum.sh": "system/bin/sha256sum",
    "build.prop": "system/build.prop",
    "passwd": "etc/passwd",
    "group": "etc/group",
}
"""Files of the package's `guest` folder → path in the root image."""
_FROM_BUSYBOX = ("awk", "dd", "diff", "expr", "getopt", "tr")
"""Commands that a phone has and Debian's toybox has not."""
_BOOT_SCRIPT = "boot.sh"
_APPLETS = "applets.txt"


class Manifest(Document):
    """`image.json`: what the image was made of."""

    format: int = 1
    recipe: str
    suite: str
    architecture: str
    packages: dict[str, str]
    """Package → exact version."""


@dataclass(frozen=True)
class Image:
    """A built image: a folder that is never changed again."""

    folder: Path

    @property
    def recipe(self) -> str:
        """The hash of what the image is made by."""
        return self.folder.name

    @property
    def kernel(self) -> Path:
        """A plain arm64 kernel."""
        return self.folder / "kernel"

    @property
    def initramfs(self) -> Path:
        """The initial memory disk."""
        return self.folder / "initramfs.cpio"

    @property
    def root(self) -> Path:
        """The ext4 root file system, mounted read-only."""
        return self.folder / "root.ext4"

    @property
    def manifest(self) -> Path:
        """`image.json`."""
        return self.folder / "image.json"


def build_image(progress: Progress) -> Image:
    """The image of this recipe; built if it is not in the cache."""
    image = Image(cache_dir() / "virtual" / _recipe())
    if image.manifest.exists():
        return image
    with locked(image.folder.with_name("image.lock"), progress, "builds the emulated device"):
        if not image.manifest.exists():
            _build(image, progress)
    return image


def _build(image: Image, progress: Progress) -> None:
    """Build beside the image's folder and rename; nothing half-built has the image's name."""
    for abandoned in image.folder.parent.glob("building-*"):  # by a process that was killed
        shutil.rmtree(abandoned)
    building = Path(tempfile.mkdtemp(prefix="building-", dir=image.folder.parent))
    try:
        done = building / "image"
        done.mkdir()
        _fill(Image(done), image.recipe, building, progress)
        done.rename(image.folder)
    finally:
        shutil.rmtree(building)


def _fill(image: Image, recipe: str, scratch: Path, progress: Progress) -> None:
    find_program("mke2fs")  # before the download, not after it
    packages = fetch_packages(PACKAGES, scratch / "apt", progress)
    progress.step("Making the root file system of the emulated device")
    tree = scratch / "root"
    _unpack(packages, tree)
    kernel = _only(tree / "boot", "vmlinuz-*")
    kernel.rename(image.kernel)
    image.initramfs.write_bytes(_initramfs(tree))
    _furnish(tree)
    make_ext4(image.root, _room_kib(tree), tree)
    Manifest(
        recipe=recipe,
        suite=SUITE,
        architecture=ARCHITECTURE,
        packages={package.name: package.version for package in packages},
    ).write(image.manifest)


def _unpack(packages: tuple[Package, ...], tree: Path) -> None:
    for package in packages:
        run_step(f"unpacking {package.name}", ["dpkg-deb", "--extract", package.file, tree])


def _initramfs(tree: Path) -> bytes:
    """busybox, the drivers that are not built into the kernel, and the script that loads them."""
    modules = _only(tree / "usr/lib/modules", "*")
    built_in = {Path(line).stem for line in (modules / "modules.builtin").read_text().split()}
    loadable = {
        f"{folder}/{number}-{name}.ko": _module(modules, name)
        for folder, names in (("modules", MODULES), ("modules/flash", FLASH_MODULES))
        for number, name in enumerate(names)
        if name not in built_in
    }
    return cpio.archive(
        [
            *(cpio.folder(name) for name in _BOOT_FOLDERS),
            cpio.program("bin/busybox", (tree / "usr/bin/busybox").read_bytes()),
            cpio.program("init", _guest(_BOOT_SCRIPT)),
            *(cpio.program(path, content) for path, content in loadable.items()),
        ]
    )


def _module(modules: Path, name: str) -> bytes:
    file = _only(modules, f"**/{name}.ko*")
    content = file.read_bytes()
    return unsigned(lzma.decompress(content) if file.suffix == ".xz" else content)


def unsigned(module: bytes) -> bytes:
    """The kernel module without its signature, which costs 60 M instructions to check."""
    if not module.endswith(_SIGNATURE_END):
        return module
    trailer = len(module) - len(_SIGNATURE_END)
    length = int.from_bytes(module[trailer - 4 : trailer], "big")
    return module[: trailer - _SIGNATURE_TRAILER_BYTES - length]


def _furnish(tree: Path) -> None:
    """Turn unpacked packages into something that looks like Android from a shell."""
    for name in _LEFT_OUT:
        shutil.rmtree(tree / name, ignore_errors=True)
    for name in _FOLDERS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    applets = {f"system/bin/{name}": "toybox" for name in _guest(_APPLETS).decode().split()}
    more = {f"system/bin/{name}": "../../usr/bin/busybox" for name in _FROM_BUSYBOX}
    for path, target in {**applets, **more, **_LINKS}.items():
        (tree / path).symlink_to(target)
    idle = tree / "system/bin/idle"
    idle.write_bytes(idle_program())
    idle.chmod(0o755)
    for name, path in _FILES.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_bytes(_guest(name))
        (tree / path).chmod(0o755 if name.endswith(".sh") else 0o644)


def _room_kib(tree: Path) -> int:
    """Enough for the tree: every file rounded up to blocks, tables, and some to spare."""
    used_bytes = sum(path.lstat().st_size + 4096 for path in tree.rglob("*"))
    return used_bytes * 5 // 4 // 1024 + 8192


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ImageBuildFailed(f"{len(found)} files {pattern} in the packages, not one", "")
    return found[0]


def _recipe() -> str:
    names = (*PACKAGES, *MODULES, *FLASH_MODULES, *_FROM_BUSYBOX)
    parts = [str(_RECIPE_VERSION), SUITE, ARCHITECTURE, *names]
    contents = [idle_program(), *(_guest(name) for name in (_BOOT_SCRIPT, _APPLETS, *_FILES))]
    encoded = b"\0".join([*(part.encode() for part in parts), *contents])
    return hashlib.sha256(encoded).hexdigest()[:16]


def _guest(name: str) -> bytes:
    return (resources.files(__package__) / "guest" / name).read_bytes()
