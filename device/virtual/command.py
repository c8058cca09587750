"""The command line of QEMU for a device; pure, so that it can be read and compared whole."""

from dataclasses import dataclass
from pathlib import Path

from taskzip.device.virtual.accelerator import Accelerator
from taskzip.device.virtual.image import Image
from taskzip.device.virtual.profile import FLASH_PAGE_BYTES, Profile

ADB_PORT = 5555
"""Where adbd listens inside the guest."""

_SKIPPED = (
    "bpf_tcp_ca_kfunc_init",
    "init_kprobe_trace",
    "jent_mod_init",
    "load_system_certificate_list",
)
"""Steps of the kernel's start that cost up to 140 M instructions each and serve nothing here."""
_KERNEL_OPTIONS = (
    "console=ttyAMA0",
    "quiet",
    "loglevel=3",
    "panic=-1",
    "audit=0",
    "cryptomgr.notests",
    "lsm=capability",
    "mitigations=off",
    "kpti=off",  # else address layout randomisation brings it, and system calls take far longer
    "init_on_alloc=0",
    "transparent_hugepage=madvise",  # as on Android: memory is counted in 4 KiB pages
    f"initcall_blacklist={','.join(_SKIPPED)}",
)
_SYSTEM_MIB = 64
"""What the kernel of a small machine takes for itself."""
_REPEATABLE_KERNEL_OPTIONS = ("nokaslr", "norandmaps")
"""The counted clock's: the same program finds the same addresses at every start."""


@dataclass(frozen=True)
class MachineFiles:
    """The files of a machine in its folder."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The flash of the real clock; its name goes once QEMU has it open."""
        return self.folder / "flash.ext4"

    @property
    def initramfs(self) -> Path:
        """The counted clock's initial memory disk: the image's, and what is on the flash; its name
        goes once QEMU has read it."""
        return self.folder / "initramfs.cpio"

    @property
    def boot_log(self) -> Path:
        """What the guest wrote to its serial console."""
        return self.folder / "boot.log"

    @property
    def pid(self) -> Path:
        """Written by QEMU; its path in a command line is what tells that a process is ours."""
        return self.folder / "qemu.pid"

    @property
    def state(self) -> Path:
        """`machine.json`."""
        return self.folder / "machine.json"


def qemu_command(
    profile: Profile, image: Image, files: MachineFiles, port: int, accelerator: Accelerator
) -> list[str]:
    """QEMU's arguments: detached, without a window, adbd reachable at 127.0.0.1:`port` alone."""
    return [
        "qemu-system-aarch64",
        *_processor(profile, accelerator),
        *("-m", f"{_memory_mib(profile)}M"),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-serial", f"file:{files.boot_log}"),
        *("-kernel", str(image.kernel), "-initrd", str(_initramfs(profile, image, files))),
        *("-append", " ".join(_kernel_options(profile))),
        *("-drive", f"if=none,id=root,format=raw,readonly=on,file={_escaped(image.root)}"),
        *_flash(profile, files),
        *("-device", "virtio-blk-device,drive=root"),
        *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:{ADB_PORT}"),
        *("-device", "virtio-net-device,netdev=net"),
        *("-daemonize", "-pidfile", str(files.pid)),
    ]


def _processor(profile: Profile, accelerator: Accelerator) -> list[str]:
    if profile.clock == "counted":
        counting = ["-accel", "tcg,thread=single", "-icount", "shift=0,align=off,sleep=on"]
        # A fixed seed: the kernel's hash tables and caches fall alike at every start.
        repeatable = ["-seed", "1", "-rtc", "clock=vm"]
        return ["-M", "virt", "-cpu", profile.cpu_model, "-smp", "1", *counting, *repeatable]
    cores = ["-smp", str(profile.vcpus)]
    match accelerator:
        case "kvm":
            return ["-M", "virt,gic-version=max", "-cpu", "host", *cores, "-accel", "kvm"]
        case "hvf":
            return ["-M", "virt", "-cpu", "host", *cores, "-accel", "hvf"]
        case "tcg":
            return ["-M", "virt", "-cpu", profile.cpu_model, *cores, "-accel", "tcg,thread=multi"]


def _kernel_options(profile: Profile) -> list[str]:
    repeatable = _REPEATABLE_KERNEL_OPTIONS if profile.clock == "counted" else ()
    idle_stop = f"taskzip_idle_stop_seconds={profile.idle_stop_seconds}"
    return [*_KERNEL_OPTIONS, *repeatable, idle_stop, *_flash_in_guest(profile)]


def _flash_in_guest(profile: Profile) -> list[str]:
    """With the counted clock the guest keeps the flash itself."""
    if profile.clock == "real":
        return []
    return [
        f"taskzip_flash_mib={profile.disk_mib}",
        f"taskzip_flash_page_bytes={FLASH_PAGE_BYTES}",
        f"taskzip_flash_page_ns={profile.flash_page_ns}",
        f"taskzip_memory_mib={profile.memory_mib}",
    ]


def _flash(profile: Profile, files: MachineFiles) -> list[str]:
    """With the real clock the flash is a throttled disk of QEMU's."""
    if profile.clock == "counted":
        return []
    limits = {
        "bps-read": profile.flash_read_bytes_per_second,
        "bps-write": profile.flash_write_bytes_per_second,
        "iops-read": profile.flash_read_iops,
        "iops-write": profile.flash_write_iops,
    }
    throttling = ",".join(f"throttling.{key}={value}" for key, value in limits.items() if value)
    return [
        *("-drive", f"if=none,id=flash,format=raw,{throttling},file={_escaped(files.disk)}"),
        *("-device", "virtio-blk-device,drive=flash"),  # the last one is the guest's first: vda
    ]


def _initramfs(profile: Profile, image: Image, files: MachineFiles) -> Path:
    return files.initramfs if profile.clock == "counted" else image.initramfs


def _memory_mib(profile: Profile) -> int:
    """The memory of programs, and with the counted clock the system's and the flash's as well."""
    if profile.clock == "real":
        return profile.memory_mib
    tables_mib = profile.disk_mib // 32
    return profile.memory_mib + _SYSTEM_MIB + profile.disk_mib + tables_mib


def _escaped(path: Path) -> str:
    """A comma ends a value in QEMU's options, two are one."""
    return str(path).replace(",", ",,")
