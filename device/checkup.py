"""A minute's look at whether numbers of a device can be trusted."""

import time
from dataclasses import dataclass

from taskzip.contracts.progress import Progress
from taskzip.device.checks import (
    PROBE_BYTES,
    Check,
    check_battery,
    check_clock,
    check_cold_cache,
    check_flash,
    check_pinning,
    check_programs,
    check_shell,
    check_space,
    check_temperature,
)
from taskzip.device.conditions import Setting, read_conditions
from taskzip.device.details import free_or_none
from taskzip.device.errors import ParseTrouble
from taskzip.device.lock import LOCK_WAIT_S, held_lock
from taskzip.device.parse.probe import Probe, parse_probe
from taskzip.device.parse.thermal import parse_thermal_status
from taskzip.device.places import home, lock_path
from taskzip.device.transport.protocol import Transport

_TIMEOUT_S = 60.0
_CLOCK_S = 2.0

_PROBE = r"""
bytes=$2 drops=$3
mkdir -p "$1" && cd "$1" || exit
now() { date +%s%N; }
cached() {
    while read -r name kib _; do [ "$name" != Cached: ] || echo "$kib"; done </proc/meminfo
}
echo 'exit 9' >run && chmod 755 run && ./run 2>/dev/null
echo "executes $?"
echo "pinned $(taskset 1 grep Cpus_allowed_list /proc/self/status 2>/dev/null | cut -f 2)"
head -c "$bytes" /dev/urandom >probe || exit
began=$(now)
dd if=/dev/null of=probe conv=notrunc,fsync 2>/dev/null && echo "write $began $(now)"
if [ "$drops" = yes ]; then
    echo "cached $(cached)"
    echo 3 >/proc/sys/vm/drop_caches && echo "dropped $(cached)"
    cat /dev/null
    began=$(now) && cat probe >/dev/null && echo "cold $began $(now)"
fi 2>/dev/null
began=$(now) && cat probe >/dev/null && echo "warm $began $(now)"
cd / && rm -rf "$1"
"""
_CLOCK = r'read -r up _ </proc/uptime && echo "$up $(date +%s)"'


@dataclass(frozen=True)
class _Clocks:
    """The device's two clocks, and this computer's at that moment."""

    uptime_s: float
    device_s: float
    host_s: float
    host_monotonic_s: float


def check_up(
    transport: Transport, setting: Setting, progress: Progress, wait_s: float = LOCK_WAIT_S
) -> tuple[Check, ...]:
    """All checks, under the device's lock; nothing is left there. DeviceHeld when it is in use.

    The page cache is dropped on the emulated device alone.
    """
    with held_lock(transport, lock_path(transport), progress, wait_s):
        progress.step(f"checking {transport.serial}")
        began = _read_clocks(transport)
        done = transport.shell(["sh", "-c", "printf out; printf err >&2; exit 7"])
        probe = _probe(transport, setting.origin == "virtual")
        conditions = read_conditions(transport, setting)
        status = parse_thermal_status(transport.shell(["dumpsys", "thermalservice"]).text)
        free = free_or_none(transport)
        time.sleep(max(0.0, began.host_monotonic_s + _CLOCK_S - time.monotonic()))
        ended = _read_clocks(transport)
    return (
        check_shell(done.exit_code, done.stdout, done.stderr),
        check_programs(probe),
        _check_clocks(began, ended, setting),
        check_cold_cache(probe),
        check_flash(probe, setting.flash_read_bytes_per_second),
        check_space(free),
        check_pinning(probe),
        check_battery(conditions),
        check_temperature(conditions, status),
    )


def _probe(transport: Transport, drops: bool) -> Probe:
    folder = f"{home(transport)}/check"
    argv = ["sh", "-c", _PROBE, "probe", folder, str(PROBE_BYTES), "yes" if drops else "no"]
    return parse_probe(transport.shell(argv, _TIMEOUT_S).checked().text)


def _read_clocks(transport: Transport) -> _Clocks:
    before = time.monotonic()
    said = transport.shell(["sh", "-c", _CLOCK]).checked().text.split()
    after = time.monotonic()
    try:
        uptime, since_1970 = map(float, said)
    except ValueError as error:
        raise ParseTrouble(f"{transport.serial}: its clocks say {said!r}") from error
    return _Clocks(uptime, since_1970, time.time(), (before + after) / 2)


def _check_clocks(began: _Clocks, ended: _Clocks, setting: Setting) -> Check:
    rate = (ended.uptime_s - began.uptime_s) / (ended.host_monotonic_s - began.host_monotonic_s)
    return check_clock(ended.device_s - ended.host_s, rate, setting.clock == "counted")
