"""What a measurement took from a phone's battery, by the phone's own counters.

The counter is of the whole device (screen, radios, whatever else runs) and moves in steps of its
own, so it says something of minutes and nothing of a switch.
"""

from collections.abc import Iterable, Iterator

from taskzip.benchmarks.units import significant
from taskzip.contracts.battery import BatteryReading, BatterySpan
from taskzip.contracts.report import Report

_JOULES_PER_WATT_HOUR = 3600.0
_MICRO = 1e-6


def drawn_joules(span: BatterySpan) -> float | None:
    """What left the battery; None where the phone was charging, or does not count."""
    ends = span.before, span.after
    if any(end.charging is not False for end in ends):
        return None
    watt_hours = _drawn_watt_hours(span.before, span.after)
    return None if watt_hours is None else watt_hours * _JOULES_PER_WATT_HOUR


def energy_words(report: Report) -> str:
    """A sentence: what was drawn, or why nothing is known."""
    if report.conditions.origin == "virtual":
        return "Energy: not reported; an emulated device has no battery."
    if report.battery is None:
        return "Energy: not reported by the phone."
    spans = report.battery.spans
    if any(end.charging is not False for span in spans for end in (span.before, span.after)):
        return (
            "Energy: not known, for the phone was plugged in, or does not tell; "
            "measure over wireless debugging."
        )
    drawn = [drawn_joules(span) for span in spans]
    joules = sum(each for each in drawn if each is not None)
    if None in drawn or joules <= 0:
        return "Energy: the phone's counter did not move, or is not told."
    seconds = sum(_seconds(spans))
    mean = f", {significant(joules / seconds)} W in the mean" if seconds else ""
    return (
        f"Energy by the phone's own counter, of the whole device and coarse: "
        f"{significant(joules)} J in {significant(seconds)} s{mean}."
    )


def _drawn_watt_hours(before: BatteryReading, after: BatteryReading) -> float | None:
    energies = _both(before.energy_microwatt_hours, after.energy_microwatt_hours)
    if energies is not None:
        return (energies[0] - energies[1]) * _MICRO
    charges = _both(before.charge_microampere_hours, after.charge_microampere_hours)
    voltages = _both(before.voltage_microvolts, after.voltage_microvolts)
    if charges is None or voltages is None:
        return None
    return (charges[0] - charges[1]) * _MICRO * sum(voltages) / 2 * _MICRO


def _both(one: int | None, other: int | None) -> tuple[int, int] | None:
    return None if one is None or other is None else (one, other)


def _seconds(spans: Iterable[BatterySpan]) -> Iterator[float]:
    for span in spans:
        yield (span.after.uptime_ms - span.before.uptime_ms) / 1000
