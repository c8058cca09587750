"""Real boots: what the emulated device can do, when it stops, and how a failed start is told."""

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest
from adb_shell.adb_device import AdbDeviceTcp

from taskzip.contracts.progress import Silent
from taskzip.device.select import open_device, resolve
from taskzip.device.virtual.errors import BootFailed, OtherPort, PortInUse
from taskzip.device.virtual.image import build_image
from taskzip.device.virtual.machine import list_running, start, stop
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine, is_ours

pytestmark = pytest.mark.device

LIMIT_SECONDS = 60.0
CLOCK_TOLERANCE = 0.002
"""Of medians: a single loop meets a timer tick or a kernel thread more or less."""
READ_BYTES = 4 << 20
COLD_TOLERANCE = 0.01
"""Of medians: what waits for the flash waits in counted time."""
MOST_TIMES_THE_FLASH = 1.5
"""Besides, pages are found, filled and copied."""
AWAIT_AWAKE = "until [ -e /run/awake ]; do sleep 0.1; done"
"""As who measures does: `idle` takes 0.3 % of the time from then on."""
COUNT_LOOPS = f"""
{AWAIT_AWAKE}
for run in 1 2 3 4 5 6 7; do
    s=${{EPOCHREALTIME/./}}; i=0
    while ((i < 1500)); do ((i += 1)); done
    e=${{EPOCHREALTIME/./}}; echo $((e - s))
done
"""
SMALL = Profile(
    clock="real",
    memory_mib=128,
    cpus=1,
    disk_mib=16,
    flash_read_bytes_per_second=4_000_000,
    idle_stop_seconds=4,
    label=f"small-{os.getpid()}",
)


LONGER_THAN_IT_LINGERS_S = 8
"""On a free host; on a busy one the device may still be awake."""
MORE = {"awk", "dd", "diff", "expr", "getopt", "tr"}


def connect(machine: RunningMachine) -> AdbDeviceTcp:
    host, port = machine.serial.split(":")
    device = AdbDeviceTcp(host, int(port), default_transport_timeout_s=LIMIT_SECONDS)
    device.connect(read_timeout_s=LIMIT_SECONDS)
    return device


def shell(machine: RunningMachine, command: str) -> str:
    with closing(connect(machine)) as device:
        return str(device.shell(command, read_timeout_s=LIMIT_SECONDS)).strip()


@pytest.fixture
def small_machine() -> Iterator[RunningMachine]:
    machine = start(SMALL, Silent())
    yield machine
    stop(machine, Silent())


def test_a_shell_finds_root_androids_places_and_properties(virtual_machine: RunningMachine) -> None:
    said = shell(
        virtual_machine, "id -un; ls -d /data/local/tmp; getprop ro.product.cpu.abi; nproc"
    )
    assert said.split() == ["root", "/data/local/tmp", "arm64-v8a", "1"]


def test_getprop_gives_a_default_and_lists_as_android_does(virtual_machine: RunningMachine) -> None:
    assert shell(virtual_machine, "getprop no.such.name fallback") == "fallback"
    assert "[ro.kernel.qemu]: [1]" in shell(virtual_machine, "getprop").splitlines()


def test_every_command_of_toybox_is_there(virtual_machine: RunningMachine) -> None:
    known = set(shell(virtual_machine, "toybox").split())
    linked = set(shell(virtual_machine, "cd /system/bin; ls").split())
    assert known - linked == set()
    assert linked - known == {"adbd", "getprop", "idle", "sh", "toybox", *MORE}


def count_us(machine: RunningMachine) -> float:
    return median(int(us) for us in shell(machine, COUNT_LOOPS).split())


def test_the_counted_clock_gives_the_same_time_again(virtual_machine: RunningMachine) -> None:
    first, second = (count_us(virtual_machine) for _ in range(2))
    assert abs(first - second) <= CLOCK_TOLERANCE * first


@pytest.mark.slow
def test_the_counted_clock_gives_the_same_time_after_another_start() -> None:
    spent_us = []
    for _ in range(2):
        machine = start(Profile(clock="counted", label=SMALL.label), Silent())
        spent_us.append(count_us(machine))
        stop(machine, Silent())
    assert max(spent_us) - min(spent_us) <= CLOCK_TOLERANCE * min(spent_us)


READ_COLD = f"""
{AWAIT_AWAKE}
pidof idle >/dev/null || echo asleep
for run in 1 2 3 4 5; do
    echo 3 >/proc/sys/vm/drop_caches; cat /dev/null
    s=${{EPOCHREALTIME/./}}; cat /data/local/tmp/zeros >/dev/null; e=${{EPOCHREALTIME/./}}
    echo $((e - s))
done
"""


def read_cold_us(machine: RunningMachine) -> list[int]:
    return [int(us) for us in shell(machine, READ_COLD).split()]


def test_the_counted_clock_counts_what_the_flash_takes(virtual_machine: RunningMachine) -> None:
    zeros = f"head -c {READ_BYTES} /dev/zero >/data/local/tmp/zeros; sync"
    shell(virtual_machine, zeros)
    first, second = (read_cold_us(virtual_machine) for _ in range(2))
    shell(virtual_machine, "rm /data/local/tmp/zeros")
    rate = virtual_machine.profile.flash_read_bytes_per_second
    assert min(first + second) > READ_BYTES / rate * 1e6
    assert median(first + second) < MOST_TIMES_THE_FLASH * READ_BYTES / rate * 1e6
    # What the guest's kernel does now and then is only ever added to a read.
    assert min(first) == pytest.approx(min(second), rel=COLD_TOLERANCE)


def test_the_counted_clock_stays_awake_from_the_moment_the_device_is_opened(
    virtual_machine: RunningMachine,
) -> None:
    target = resolve(virtual_machine.serial, virtual_machine.profile)
    for _ in range(2):
        time.sleep(LONGER_THAN_IT_LINGERS_S)
        with open_device(target, Silent()) as transport:
            assert transport.shell(["pidof", "idle"]).exit_code == 0


def test_the_counted_clocks_programs_share_the_memory_that_was_asked_for(
    virtual_machine: RunningMachine,
) -> None:
    said = shell(virtual_machine, "cat /proc/self/cgroup /sys/fs/cgroup/programs/memory.max")
    assert said.split() == ["0::/programs", str(virtual_machine.profile.memory_mib << 20)]


def test_a_program_runs_in_a_folder_that_has_nothing_else(virtual_machine: RunningMachine) -> None:
    command = (
        "mkdir -p /data/local/tmp/alone && cd /data/local/tmp/alone &&"
        "cp /usr/bin/mksh-static . && chroot . /mksh-static -c 'echo /*'; rm -r ../alone"
    )
    assert shell(virtual_machine, command) == "/mksh-static"


def test_memory_of_a_program_can_be_limited(virtual_machine: RunningMachine) -> None:
    command = (
        "cd /sys/fs/cgroup && echo +memory >cgroup.subtree_control && mkdir small &&"
        "echo 4194304 >small/memory.max && sh -c 'echo $$ >small/cgroup.procs && x=0123456789 &&"
        "while :; do x=$x$x; done'; echo exit code $?; rmdir small"
    )
    assert "exit code 137" in shell(virtual_machine, command)


def test_caches_can_be_dropped(virtual_machine: RunningMachine) -> None:
    cached = (
        "awk() { :; }; while read -r n v _; do [ $n = Cached: ] && echo $v; done </proc/meminfo"
    )
    shell(virtual_machine, "cat /usr/bin/* /usr/lib/*/*.so* >/dev/null")
    before = int(shell(virtual_machine, cached))
    shell(virtual_machine, "sync; echo 3 >/proc/sys/vm/drop_caches")
    assert int(shell(virtual_machine, cached)) < before - 4096


def test_starting_again_finds_the_same_machine(virtual_machine: RunningMachine) -> None:
    assert start(virtual_machine.profile, Silent()) == virtual_machine
    assert virtual_machine in list_running()


def test_two_starters_at_once_get_one_machine(virtual_machine: RunningMachine) -> None:
    found: list[RunningMachine] = []
    starters = [
        threading.Thread(target=lambda: found.append(start(virtual_machine.profile, Silent())))
        for _ in range(2)
    ]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(LIMIT_SECONDS)
    assert found == [virtual_machine, virtual_machine]


@pytest.mark.slow
def test_devices_start_at_the_same_time_and_leave_each_other_alone() -> None:
    profiles = [Profile(label=f"{SMALL.label}-{letter}", disk_mib=64) for letter in "ab"]
    found: list[RunningMachine] = []
    waits: list[str] = []

    class Told(Silent):
        def step(self, message: str) -> None:
            waits.extend([message] if message.startswith("Waiting") else [])

    starters = [
        threading.Thread(target=lambda profile=profile: found.append(start(profile, Told())))
        for profile in profiles
    ]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(3 * LIMIT_SECONDS)
    try:
        assert {machine.profile.label for machine in found} == {each.label for each in profiles}
        assert all(shell(machine, "echo here") == "here" for machine in found)
        assert [wait for wait in waits if "starts" in wait] == []
    finally:
        for machine in found:
            stop(machine, Silent())
    assert not {machine.pid for machine in found} & {machine.pid for machine in list_running()}


def test_another_port_is_refused_while_it_runs(virtual_machine: RunningMachine) -> None:
    with pytest.raises(OtherPort, match=f"runs already at {virtual_machine.serial}"):
        start(virtual_machine.profile, Silent(), port=virtual_machine.port - 1)


def test_a_port_in_use_is_named_and_nothing_is_left(virtual_machine: RunningMachine) -> None:
    profile = virtual_machine.profile.model_copy(update={"memory_mib": 130})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} on 127\.0\.0\.1 is in use"):
            start(profile, Silent(), port=port)
    assert [machine for machine in list_running() if machine.profile == profile] == []


def test_flash_is_slow_disk_fills_and_an_idle_machine_ends(small_machine: RunningMachine) -> None:
    write = "cd /data/local/tmp; dd if=/dev/zero of=zeros bs=1M count=8 conv=fsync 2>&1"
    assert "8+0 records out" in shell(small_machine, write)
    read = "echo 3 >/proc/sys/vm/drop_caches; time cat /data/local/tmp/zeros >/dev/null"
    seconds = re.search(r"0m([\d.]+)s real", shell(small_machine, read))
    assert seconds
    assert 1.5 < float(seconds[1]) < 10  # 8 MiB at 4 MB/s, a tenth of a second of it in advance
    assert "No space left" in shell(small_machine, write.replace("count=8", "count=16"))
    limit = time.monotonic() + LIMIT_SECONDS
    while is_ours(small_machine.pid, small_machine.files):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert small_machine not in list_running()
    assert "powered off after 4 idle seconds" in small_machine.files.boot_log.read_text()


def test_a_machine_that_dies_tells_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = build_image(Silent())
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path))
    broken = tmp_path / "virtual" / real.recipe
    broken.mkdir(parents=True)
    for file in (real.kernel, real.initramfs, real.manifest):
        (broken / file.name).symlink_to(file)
    (broken / real.root.name).write_bytes(bytes(1 << 20))
    with pytest.raises(BootFailed, match=r"ended while it started\n(.*\n)*.*Kernel panic"):
        start(SMALL, Silent())
    assert list_running() == ()
