"""Sending a file's bytes to the store: going on behind what arrived earlier."""

from dataclasses import dataclass

from taskzip.device.manifest import Item, hash_file
from taskzip.device.store import PART, PARTIAL, Hashed, Store
from taskzip.device.transport.protocol import OnBytes, Span

ASIDE_BYTES = 64 << 20


@dataclass(frozen=True)
class Send:
    """An item to send from byte `start` on; what lies before is on the device and verified."""

    item: Item
    start: int = 0

    @property
    def bytes(self) -> int:
        """What is to travel."""
        return self.item.bytes - self.start

    @property
    def aside_bytes(self) -> int:
        """What the rest of a file takes twice until it is appended to the beginning."""
        return min(self.bytes, ASIDE_BYTES) if self.start > 0 else 0


def plan_send(item: Item, arrived: Hashed | None) -> Send:
    """Where to go on: behind what arrived, if that is how the file begins, else at its start."""
    if arrived is None or not 0 < arrived.state.bytes <= item.bytes:
        return Send(item)
    is_beginning = hash_file(item.local, arrived.state.bytes) == arrived.sha256
    return Send(item, arrived.state.bytes if is_beginning else 0)


def send(store: Store, sending: Send, on_bytes: OnBytes) -> None:
    """Make `<sha256>.partial` on the device the whole file."""
    partial, part = sending.item.sha256 + PARTIAL, sending.item.sha256 + PART
    send_as(store, sending, part if sending.start else partial, on_bytes)
    if sending.start:
        store.append(part, partial)


def send_as(store: Store, sending: Send, name: str, on_bytes: OnBytes) -> None:
    """Send what is missing of a file, under a name of its own."""
    span = Span(sending.start, sending.bytes)
    store.transport.push(sending.item.local, f"{store.folder}/{name}", on_bytes, span)


def make_whole(store: Store, sending: Send, name: str) -> None:
    """Make `<sha256>.partial` the whole file of what was sent under another name."""
    move = store.append if sending.start else store.rename
    move(name, sending.item.sha256 + PARTIAL)
