"""Room on the device for what is to be sent."""

from collections.abc import Collection, Sequence

from taskzip.device.errors import DeviceFull
from taskzip.device.parse.storage import parse_available
from taskzip.device.send import Send
from taskzip.device.stamp import Entry, oldest_first
from taskzip.device.store import Store
from taskzip.device.transport.protocol import Transport

MARGIN_BYTES = 8 << 20
"""Left free for what runs write."""


def free_bytes(transport: Transport, folder: str) -> int:
    """Bytes free on the file system of a folder on the device."""
    return parse_available(transport.shell(["df", "-k", folder]).checked().text)


def make_room(
    store: Store,
    sends: Sequence[Send],
    entries: dict[str, Entry],
    wanted: Collection[str],
    available: int,
) -> None:
    """Remove entries that are not wanted, the longest unused first, until there is
    room for what is sent, where so many bytes are available.

    DeviceFull, and nothing is removed, where it would not fit even so.
    """
    if not sends:
        return
    needed = sum(each.bytes for each in sends) + MARGIN_BYTES
    needed += max(each.aside_bytes for each in sends)
    going = []
    for name in oldest_first(entries, wanted):
        if available < needed:
            available += entries[name].state.bytes
            going.append(name)
    if available < needed:
        raise DeviceFull(store.transport.serial, store.folder, needed, available)
    store.remove(going)
    for name in going:
        del entries[name]
