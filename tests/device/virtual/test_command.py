from pathlib import Path

import pytest

from taskzip.device.virtual.accelerator import Accelerator, Host, choose_accelerator
from taskzip.device.virtual.command import MachineFiles, qemu_command
from taskzip.device.virtual.image import Image
from taskzip.device.virtual.profile import Profile

IMAGE = Image(Path("/cache/recipe"))
FILES = MachineFiles(Path("/cache/a, b"))
BLACKLIST = (
    "initcall_blacklist=bpf_tcp_ca_kfunc_init,init_kprobe_trace,jent_mod_init,"
    "load_system_certificate_list"
)
KERNEL = (
    "console=ttyAMA0 quiet loglevel=3 panic=-1 audit=0 cryptomgr.notests lsm=capability "
    f"mitigations=off kpti=off init_on_alloc=0 transparent_hugepage=madvise {BLACKLIST}"
)

FLASH = (
    "taskzip_flash_mib=1024 taskzip_flash_page_bytes=16384 taskzip_flash_page_ns=163840000 "
    "taskzip_memory_mib=256"
)


def test_the_counted_clock_counts_on_one_core_and_leaves_nothing_to_chance() -> None:
    profile = Profile(clock="counted", memory_mib=256, flash_read_bytes_per_second=100_000)
    assert qemu_command(profile, IMAGE, FILES, port=4711, accelerator="kvm") == [
        "qemu-system-aarch64",
        *("-M", "virt", "-cpu", "cortex-a76", "-smp", "1"),
        *("-accel", "tcg,thread=single", "-icount", "shift=0,align=off,sleep=on"),
        *("-seed", "1", "-rtc", "clock=vm"),
        *("-m", "1376M"),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-serial", "file:/cache/a, b/boot.log"),
        *("-kernel", "/cache/recipe/kernel", "-initrd", "/cache/a, b/initramfs.cpio"),
        *("-append", f"{KERNEL} nokaslr norandmaps taskzip_idle_stop_seconds=1800 {FLASH}"),
        *("-drive", "if=none,id=root,format=raw,readonly=on,file=/cache/recipe/root.ext4"),
        *("-device", "virtio-blk-device,drive=root"),
        *("-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:4711-:5555"),
        *("-device", "virtio-net-device,netdev=net"),
        *("-daemonize", "-pidfile", "/cache/a, b/qemu.pid"),
    ]


def test_the_real_clocks_flash_is_a_throttled_disk() -> None:
    profile = Profile(clock="real", memory_mib=256, flash_read_bytes_per_second=7)
    command = qemu_command(profile, IMAGE, FILES, port=1, accelerator="tcg")
    assert command[command.index("-m") + 1] == "256M"
    assert command[command.index("-initrd") + 1] == "/cache/recipe/initramfs.cpio"
    assert (
        "if=none,id=flash,format=raw,throttling.bps-read=7,throttling.bps-write=200000000,"
        "file=/cache/a,, b/flash.ext4"
    ) in command
    devices = [argument for argument in command if argument.startswith("virtio-blk-device")]
    assert devices == ["virtio-blk-device,drive=flash", "virtio-blk-device,drive=root"]


def processor(profile: Profile, accelerator: Accelerator) -> list[str]:
    command = qemu_command(profile, IMAGE, FILES, port=1, accelerator=accelerator)
    return command[1 : command.index("-m")]


def test_the_real_clock_emulates_its_cores_in_threads() -> None:
    assert processor(Profile(clock="real", cpus=2), "tcg") == [
        *("-M", "virt", "-cpu", "cortex-a76", "-smp", "2", "-accel", "tcg,thread=multi"),
    ]


def test_the_real_clock_runs_on_an_arm_computer_itself() -> None:
    assert processor(Profile(clock="real", cpus=3), "kvm") == [
        *("-M", "virt,gic-version=max", "-cpu", "host", "-smp", "3", "-accel", "kvm"),
    ]
    assert processor(Profile(clock="real", cpus=3), "hvf") == [
        *("-M", "virt", "-cpu", "host", "-smp", "3", "-accel", "hvf"),
    ]


def test_the_emulated_processor_is_the_profiles() -> None:
    for clock in ("real", "counted"):
        old = processor(Profile(clock=clock, cpu_model="cortex-a53"), "tcg")
        assert old[old.index("-cpu") + 1] == "cortex-a53"


def test_requests_of_the_real_clocks_flash_are_limited_where_the_profile_says_so() -> None:
    profile = Profile(clock="real", flash_read_iops=1500, flash_write_iops=500)
    (flash,) = (
        word
        for word in qemu_command(profile, IMAGE, FILES, 1, "tcg")
        if word.startswith("if=none,id=flash")
    )
    assert "throttling.iops-read=1500,throttling.iops-write=500," in flash


@pytest.mark.parametrize(
    ("host", "accelerator"),
    [
        (Host("Linux", "x86_64", opens_kvm=True), "tcg"),
        (Host("Linux", "aarch64", opens_kvm=True), "kvm"),
        (Host("Linux", "aarch64", opens_kvm=False), "tcg"),
        (Host("Darwin", "arm64", opens_kvm=False), "hvf"),
        (Host("Darwin", "x86_64", opens_kvm=False), "tcg"),
        (Host("FreeBSD", "aarch64", opens_kvm=False), "tcg"),
    ],
)
def test_an_arm_host_runs_the_guest_on_its_own_processor(host: Host, accelerator: str) -> None:
    assert choose_accelerator(host) == accelerator
