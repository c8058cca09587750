"""Sending a file's bytes to the store: in parts, going on behind what arrived earlier.

adbd removes a file whose transfer broke off, so a large one travels in parts: what is lost is one
part at most.
"""

from dataclasses import dataclass

from taskzip.device.manifest import Item, hash_file
from taskzip.device.store import PART, PARTIAL, Hashed, Store
from taskzip.device.transport.protocol import OnBytes, Span

PART_BYTES = 64 << 20


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
        """What a part takes beside the file until it is appended to it."""
        is_in_parts = self.start > 0 or self.bytes > PART_BYTES
        return min(self.bytes, PART_BYTES) if is_in_parts else 0


def plan_send(item: Item, arrived: Hashed | None) -> Send:
    """Where to go on: behind what arrived, if that is how the file begins, else at its start."""
    if arrived is None or not 0 < arrived.state.bytes <= item.bytes:
        return Send(item)
    is_beginning = hash_file(item.local, arrived.state.bytes) == arrived.sha256
    return Send(item, arrived.state.bytes if is_beginning else 0)


def send(store: Store, sending: Send, on_bytes: OnBytes, part_bytes: int = PART_BYTES) -> None:
    """Make `<sha256>.partial` on the device the whole file."""
    item = sending.item
    partial, part = item.sha256 + PARTIAL, item.sha256 + PART
    for start in range(sending.start, max(item.bytes, 1), part_bytes):
        span = Span(start, min(part_bytes, item.bytes - start))
        target = partial if start == 0 else part
        store.transport.push(item.local, f"{store.folder}/{target}", on_bytes, span)
        if start:
            store.append(part, partial)
