"""A phone's own counters of its battery, read before and after what was measured."""

from typing import Annotated, Literal

from pydantic import Field

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count

BATTERY_FILE = "battery.json"


class BatteryReading(Document):
    """What the gauge said at a moment; None where it does not tell."""

    uptime_ms: Count
    charging: bool | None
    """Whether the phone was plugged in, whatever it made of it."""
    charge_microampere_hours: Count | None
    energy_microwatt_hours: Count | None
    voltage_microvolts: Count | None
    current_microamperes: int | None
    """Its sign is the phone's own: some count what flows in, others what flows out."""


class BatterySpan(Document):
    """Between two readings the device measured, and did whatever else it does."""

    before: BatteryReading
    after: BatteryReading


class Battery(Document):
    """`battery.json`: a span for the measurement, and one more each time it was resumed."""

    format: Literal[1] = 1
    spans: Annotated[tuple[BatterySpan, ...], Field(min_length=1)]
