"""What is said of energy: by a phone's own counters, or that nothing is known."""

from pathlib import Path

import pytest

from taskzip.benchmarks.battery import watched_battery
from taskzip.benchmarks.energy import drawn_joules, energy_words
from taskzip.contracts.battery import Battery, BatteryReading, BatterySpan
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.report import Report

FULL = BatteryReading(
    uptime_ms=1_000_000,
    charging=False,
    charge_microampere_hours=3_000_000,
    energy_microwatt_hours=None,
    voltage_microvolts=4_000_000,
    current_microamperes=None,
)
USED = FULL.model_copy(
    update={
        "uptime_ms": 1_100_000,
        "charge_microampere_hours": 2_995_000,
        "voltage_microvolts": 3_900_000,
    }
)
SPAN = BatterySpan(before=FULL, after=USED)
JOULES = 0.005 * 3.95 * 3600  # charge by mean voltage


class Phone:
    """Readings one after the other."""

    def __init__(self, *readings: BatteryReading | None) -> None:
        self._readings = iter(readings)

    def battery(self) -> BatteryReading | None:
        return next(self._readings)


def report_of(battery: Battery | None, origin: str = "phone") -> Report:
    return Report(
        conditions=Conditions(origin=origin, clock="real", serial="s"),
        rows=(),
        comparisons=(),
        parity=(),
        battery=battery,
    )


def changed(span: BatterySpan, **after: object) -> BatterySpan:
    return span.model_copy(update={"after": span.after.model_copy(update=after)})


def test_energy_is_charge_by_voltage_where_the_gauge_counts_charge() -> None:
    assert drawn_joules(SPAN) == pytest.approx(JOULES)


def test_energy_is_the_gauges_own_where_it_counts_energy() -> None:
    before, after = (
        reading.model_copy(update={"energy_microwatt_hours": energy})
        for reading, energy in ((FULL, 12_000_000), (USED, 11_990_000))
    )
    assert drawn_joules(BatterySpan(before=before, after=after)) == pytest.approx(36)


@pytest.mark.parametrize(
    "after",
    [{"charging": True}, {"charging": None}, {"voltage_microvolts": None}],
)
def test_a_phone_that_charges_or_does_not_tell_has_no_energy(after: dict[str, object]) -> None:
    assert drawn_joules(changed(SPAN, **after)) is None


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (report_of(None, "virtual"), "Energy: not reported; an emulated device has no battery."),
        (report_of(None), "Energy: not reported by the phone."),
        (
            report_of(Battery(spans=(SPAN, SPAN))),
            "Energy by the phone's own counter, of the whole device and coarse: 142 J in 200 s, "
            "0.711 W in the mean.",
        ),
        (
            report_of(Battery(spans=(SPAN, changed(SPAN, charging=True)))),
            "Energy: not known, for the phone was plugged in, or does not tell; "
            "measure over wireless debugging.",
        ),
        (
            report_of(Battery(spans=(changed(SPAN, charge_microampere_hours=3_000_000),))),
            "Energy: the phone's counter did not move, or is not told.",
        ),
    ],
)
def test_the_report_says_what_the_counter_is_or_why_there_is_none(
    report: Report, words: str
) -> None:
    assert energy_words(report) == words


def test_a_resumed_measurement_adds_a_span_and_a_new_one_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "battery.json"
    for resume, spans in ((False, 1), (True, 2), (False, 1)):
        with watched_battery(Phone(FULL, USED), tmp_path, resume=resume):
            pass
        assert Battery.read(file).spans == (SPAN,) * spans


def test_a_device_without_a_gauge_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "battery.json").write_text("of an older measurement")
    with watched_battery(Phone(None, None), tmp_path, resume=False):
        pass
    assert list(tmp_path.iterdir()) == []
