"""What a device says of itself, for the list of devices."""

from dataclasses import dataclass

from taskzip.contracts.conditions import Conditions
from taskzip.device.conditions import Setting, read_conditions
from taskzip.device.errors import CommandFailed, ParseTrouble
from taskzip.device.parse.abilities import ASK_ABILITIES, Ability, parse_abilities
from taskzip.device.parse.storage import parse_available
from taskzip.device.parse.text import printable
from taskzip.device.places import lock_path
from taskzip.device.transport.protocol import Transport

_HOLDER = r"""
[ ! -e "$1" ] || (flock -n 9) 9<"$1" || sed -n 2p "$1"
exit 0
"""


@dataclass(frozen=True)
class Details:
    """A device that answers; None where it does not tell."""

    conditions: Conditions
    storage_free_bytes: int | None
    measures: tuple[Ability, ...]
    """What can be measured there."""
    holder: str | None
    """The session that uses it."""


def read_details(transport: Transport, setting: Setting) -> Details:
    """What the device tells in a few commands."""
    abilities = transport.shell(["sh", "-c", ASK_ABILITIES]).text
    holder = transport.shell(["sh", "-c", _HOLDER, "holder", lock_path(transport)]).text
    return Details(
        read_conditions(transport, setting),
        free_or_none(transport),
        parse_abilities(abilities),
        printable(holder.strip()) or None,
    )


def free_or_none(transport: Transport) -> int | None:
    """Bytes free where the harness works; None where the device does not tell."""
    try:
        return parse_available(transport.shell(["df", "-k", transport.base]).checked().text)
    except (ParseTrouble, CommandFailed):
        return None
