"""Push: bytes that the device's store has are never sent again, those that arrive are verified.

The run folder is links to the store, made while the first bytes travel. What is missing there is
sent (going on where an earlier push broke off), hashed on the device, named, and written to its
flash; only then the stamp vouches for it (`arrivals.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.report import Pushed
from taskzip.device.arrivals import Arrivals, Arrived
from taskzip.device.manifest import Item, total_bytes
from taskzip.device.parse.files import Content, FileState
from taskzip.device.room import make_room
from taskzip.device.send import Send, plan_send
from taskzip.device.stamp import Entries, Entry, mark_used, outdated
from taskzip.device.store import PARTIAL, Found, Hashed, Store
from taskzip.device.transport.protocol import Transport


@dataclass(frozen=True)
class Placed:
    """The manifest's files on the device, verified, and what it took to put them there."""

    files: Mapping[str, FileState]
    pushed: Pushed
    verified_at: float
    """When all were verified and in place, by `time.monotonic`; they reached the flash later."""


def push_items(  # noqa: PLR0913  # where, what, and how
    transport: Transport,
    home: str,
    items: Sequence[Item],
    progress: Progress,
    *,
    verify: bool = False,
    prover: Item | None = None,
) -> Placed:
    """Make the run folder below `home` on the device hold exactly `items`.

    With `verify` all that is there is hashed again. With a `prover`, which is pushed too, large
    files are proven as they arrive. Raises DeviceFull before anything is sent, TransferFailed when
    a file arrives damaged, and BadInput when a local file is not what its manifest says.
    """
    items = [*items, *filter(None, [prover])]
    wanted = {item.sha256: item for item in items}
    push = _Push(Store(transport, home), wanted, prover.sha256 if prover else None, progress)
    with push.store.opened({item.path: item.sha256 for item in items}) as (found, link):
        entries = push.without_wanted(found.sure) if verify else found.sure
        arrived = push.hash_unsure(found, entries)
        sends = push.plan(entries, arrived)
        make_room(push.store, sends, entries, push.wanted, found.free_bytes)
        entries |= push.arrivals.publish(_whole(arrived))
        began = monotonic()
        with push.sent(sends) as sent:
            link()
            verified = monotonic()
            sent.settle()
    entries |= sent.entries
    push.vouch_for(entries, found)
    files = {item.path: replace(entries[item.sha256].state, path=item.path) for item in items}
    return Placed(files, _account(items, sends, verified - began), verified)


@dataclass(frozen=True)
class _Push:
    """The store, the items by the SHA-256 that each is to have, and which is the prover."""

    store: Store
    wanted: Mapping[str, Item]
    prover: str | None
    progress: Progress

    @property
    def arrivals(self) -> Arrivals:
        """How what is missing comes."""
        return Arrivals(self.store, self.wanted, self.progress)

    def without_wanted(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """The entries that only other pushes use."""
        return {sha256: each for sha256, each in entries.items() if sha256 not in self.wanted}

    def hash_unsure(self, found: Found, sure: Mapping[str, Entry]) -> dict[str, Hashed]:
        """Hash what is, or begins, an item that the stamp does not vouch for."""
        unsure = [
            name
            for sha256 in self.wanted
            if sha256 not in sure
            for name in (sha256, sha256 + PARTIAL)
            if name in found.present
        ]
        return self.store.hash(unsure) if unsure else {}

    def plan(self, sure: Mapping[str, Entry], arrived: Mapping[str, Hashed]) -> list[Send]:
        """What is to be sent."""
        there = {*sure, *_whole(arrived)}
        missing = [item for sha256, item in self.wanted.items() if sha256 not in there]
        begun = {item.sha256: arrived.get(item.sha256 + PARTIAL) for item in missing}
        if self.prover in begun:
            begun[self.prover] = None  # run as soon as it was sent, under the name that it has then
        sends = [plan_send(item, begun[item.sha256]) for item in missing]
        return sorted(sends, key=lambda each: each.item.bytes, reverse=True)

    @contextmanager
    def sent(self, sends: Sequence[Send]) -> Iterator[Arrived]:
        """Send and verify; see `Arrivals.sent`."""
        if not sends:
            yield Arrived({})
            return
        total = sum(each.bytes for each in sends)
        with progress_bar(self.progress, f"Pushing {len(sends)} files", total) as bar:
            on_bytes = partial(self.progress.advance, bar)
            with self.arrivals.sent(sends, self.prover, on_bytes) as arrived:
                yield arrived

    def vouch_for(self, entries: Entries, found: Found) -> None:
        """Remove what nobody needs or vouches for; vouch for the rest where the stamp does not."""
        used = mark_used(entries, self.wanted)
        old = outdated(used)
        self.store.remove(sorted({*old, *(found.present.keys() - used.keys())}))
        kept = {sha256: entry for sha256, entry in used.items() if sha256 not in old}
        if kept != found.stamped:
            self.store.vouch_for(kept)


def _whole(arrived: Mapping[str, Hashed]) -> dict[str, tuple[str, Content]]:
    """SHA-256 → name and content of the files that are what their name promises."""
    return {
        hashed.sha256: (name, hashed.state.content)
        for name, hashed in arrived.items()
        if hashed.sha256 == name.removesuffix(PARTIAL)
    }


def _account(items: Sequence[Item], sends: Sequence[Send], seconds: float) -> Pushed:
    sent_bytes = sum(each.bytes for each in sends)
    return Pushed(
        files=len(sends),
        bytes=sent_bytes,
        skipped_files=len(items) - len(sends),
        skipped_bytes=total_bytes(items) - sent_bytes,
        bytes_per_second=round(sent_bytes / seconds) if sends and seconds > 0 else None,
    )
