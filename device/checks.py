"""What the check-up's readings mean: a verdict and what to do, for each thing that can be wrong."""

from dataclasses import dataclass
from typing import Literal

from taskzip.contracts.conditions import Conditions
from taskzip.device.parse.probe import Probe
from taskzip.device.parse.thermal import STATUS_NAMES

Verdict = Literal["good", "absent", "bad"]

PROBE_BYTES = 8 << 20
MIN_FREE_BYTES = 256 << 20
MIN_BATTERY_PERCENT = 20
MAX_TEMPERATURE_MILLICELSIUS = 45_000
MAX_OFFSET_S = 60.0
RATE_TOLERANCE = 0.02
FLASH_TOLERANCE = 0.5
"""A read of 8 MiB has costs besides the flash, and the real clock's flash a tenth of a second's
bytes in advance."""

_MIB = 1 << 20
_NS = 1_000_000_000


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `absent`: the device does not tell, or cannot do it."""

    what: str
    verdict: Verdict
    said: str
    remedy: str = ""


def check_shell(exit_code: int, stdout: bytes, stderr: bytes) -> Check:
    """Of a command that ends with 7 after writing `out` and `err`."""
    if (exit_code, stdout, stderr) == (7, b"out", b"err"):
        return Check("shell", "good", "exit codes, output and errors come apart")
    said = f"asked for 7, out, err; got {exit_code}, {stdout!r}, {stderr!r}"
    return Check("shell", "bad", said, "reach the device another way (USB, TCP, an adb server)")


def check_programs(probe: Probe) -> Check:
    """Whether the runner could be started."""
    if probe.executes:
        return Check("programs", "good", "files in the working folder may be programs")
    return Check("programs", "bad", "nothing there may be executed", "use another device")


def check_clock(offset_s: float, rate: float, counted: bool) -> Check:
    """Of the device's wall clock less the host's, and of its seconds to the host's."""
    said = f"{offset_s:+.1f} s from this computer's, {rate:.3f} of its rate"
    if counted:
        return Check("clock", "good", f"counts instructions; {rate:.3f} of the host's rate")
    if abs(rate - 1) > RATE_TOLERANCE:
        return Check("clock", "bad", said, "close what keeps this computer or the device busy")
    if abs(offset_s) > MAX_OFFSET_S:
        return Check("clock", "bad", said, "set the device's clock")
    return Check("clock", "good", said)


def check_cold_cache(probe: Probe) -> Check:
    """Whether the page cache can be emptied, and reading is slower then."""
    if probe.evicted_bytes is None or probe.cold_ns is None or probe.warm_ns is None:
        said = "no root: the runner evicts file by file, and checks each with mincore"
        return Check("cold cache", "absent", said)
    if probe.evicted_bytes < PROBE_BYTES // 2 or probe.cold_ns <= probe.warm_ns:
        said = (
            f"{probe.evicted_bytes / _MIB:.1f} MiB evicted of at least {PROBE_BYTES / _MIB:g}; "
            f"cold {_ms(probe.cold_ns)}, warm {_ms(probe.warm_ns)}"
        )
        return Check("cold cache", "bad", said, 'measure with `caches = ["warm"]` only')
    said = f"dropped; {PROBE_BYTES / _MIB:g} MiB in {_ms(probe.cold_ns)}, warm {_ms(probe.warm_ns)}"
    return Check("cold cache", "good", said)


def check_flash(probe: Probe, expected_bytes_per_second: int | None) -> Check:
    """What reading and writing the flash gives, beside what the profile says."""
    said = ", ".join(
        f"{verb} {_rate(spent) / 1e6:.0f} MB/s"
        for verb, spent in (("reads", probe.cold_ns), ("writes", probe.write_ns))
        if spent
    )
    if not said:
        return Check("flash", "absent", "its clock tells no nanoseconds")
    if expected_bytes_per_second is None or probe.cold_ns is None:
        return Check("flash", "good", said)
    ratio = _rate(probe.cold_ns) / expected_bytes_per_second
    said += f"; the profile reads {expected_bytes_per_second / 1e6:.0f} MB/s"
    if abs(ratio - 1) > FLASH_TOLERANCE:
        return Check("flash", "bad", said, "stop the device and start it on a quieter computer")
    return Check("flash", "good", said)


def check_space(free_bytes: int | None) -> Check:
    """Of the folder that the harness works in."""
    if free_bytes is None:
        return Check("space", "absent", "the device does not tell")
    said = f"{free_bytes / _MIB:,.0f} MiB free"
    if free_bytes < MIN_FREE_BYTES:
        return Check("space", "bad", said, f"free {MIN_FREE_BYTES // _MIB} MiB")
    return Check("space", "good", said)


def check_pinning(probe: Probe) -> Check:
    """Whether a program can be kept on one processor."""
    if probe.pinned is None:
        return Check("pinning", "absent", "the device has no taskset")
    if probe.pinned == "0":
        return Check("pinning", "good", "a program stays on the processor that it is given")
    said = f"a program that was given processor 0 may run on {probe.pinned}"
    return Check("pinning", "bad", said, "wake the device: some park processors while it sleeps")


def check_battery(conditions: Conditions) -> Check:
    """Of a phone whose battery is nearly empty, which saves power."""
    percent = conditions.battery_percent
    if percent is None:
        return Check("battery", "absent", "the device does not tell")
    if percent < MIN_BATTERY_PERCENT:
        return Check("battery", "bad", f"{percent} %", f"charge it to {MIN_BATTERY_PERCENT} %")
    return Check("battery", "good", f"{percent} %")


def check_temperature(conditions: Conditions, status: int | None) -> Check:
    """Of the hottest sensor, and of Android's own thermal status."""
    hottest = conditions.temperature_millicelsius
    if hottest is None and status is None:
        return Check("temperature", "absent", "the device does not tell")
    parts = [] if hottest is None else [f"{hottest / 1000:.1f} °C"]
    parts += [] if status is None else [f"throttling: {STATUS_NAMES[status]}"]
    if status or (hottest or 0) > MAX_TEMPERATURE_MILLICELSIUS:
        return Check("temperature", "bad", ", ".join(parts), "let it cool, out of its cover")
    return Check("temperature", "good", ", ".join(parts))


def _rate(spent_ns: int) -> float:
    return PROBE_BYTES * _NS / spent_ns


def _ms(spent_ns: int) -> str:
    return f"{spent_ns / 1e6:.1f} ms"
