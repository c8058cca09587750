"""`host:devices-l`: the devices that an adb server has."""

from dataclasses import dataclass

from taskzip.device.parse.text import printable

READY = "device"
_FIELDS = 2


@dataclass(frozen=True)
class Served:
    """A device as an adb server lists it; `state` is `device` when it can be used."""

    serial: str
    state: str
    model: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether commands reach it."""
        return self.state == READY


def parse_served(text: str) -> tuple[Served, ...]:
    """The devices of `SERIAL STATE key:value …` lines; other lines are passed over."""
    lines = (printable(line).split() for line in text.splitlines())
    return tuple(_served(words) for words in lines if len(words) >= _FIELDS)


def _served(words: list[str]) -> Served:
    serial, state, *described = words
    values = dict(word.partition(":")[::2] for word in described)
    return Served(serial, state, values.get("model"))
