"""Reading a phone's own counters of its battery."""

from taskzip.contracts.battery import BatteryReading
from taskzip.device.parse.battery import ASK_BATTERY, parse_battery
from taskzip.device.transport.protocol import Transport


def read_battery(transport: Transport) -> BatteryReading | None:
    """What the device's gauge says now; None where it has none that counts."""
    return parse_battery(transport.shell(["sh", "-c", ASK_BATTERY]).checked().text)
