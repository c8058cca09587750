"""Push: bytes that the device's store has are never sent again, those that arrive are verified.

What is missing is sent (going on where an earlier push broke off), hashed on the device, written
to its flash, and only then gets its name. A large file is hashed and written while the next one
arrives, so the largest go first. The run folder is links to the store.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from taskzip.contracts.errors import BadInput, DeviceTrouble
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.report import Pushed
from taskzip.device.errors import ChangedOnDevice, DeviceFull, TransferFailed
from taskzip.device.manifest import Item, refuse_changed, total_bytes
from taskzip.device.parse.files import FileState
from taskzip.device.room import free_bytes, make_room
from taskzip.device.send import Send, plan_send, send
from taskzip.device.stamp import Entries, Entry, mark_used, outdated
from taskzip.device.store import LARGE_BYTES, PARTIAL, Found, Hashed, Store
from taskzip.device.transport.protocol import OnBytes, Transport


@dataclass(frozen=True)
class Placed:
    """The manifest's files on the device, verified, and what it took to put them there."""

    files: Mapping[str, FileState]
    pushed: Pushed


def push_items(
    transport: Transport,
    home: str,
    items: Sequence[Item],
    progress: Progress,
    *,
    verify: bool = False,
) -> Placed:
    """Make the run folder below `home` on the device hold exactly `items`.

    With `verify` all that is there is hashed again. Raises DeviceFull before anything is sent,
    TransferFailed when a file arrives damaged, and BadInput when a local file is not what its
    manifest says.
    """
    push = _Push(Store(transport, home), {item.sha256: item for item in items}, progress)
    found = push.store.open()
    entries = push.without_wanted(found.sure) if verify else found.sure
    arrived = push.hash_unsure(found, entries)
    sends = push.plan(entries, arrived)
    make_room(push.store, sends, entries, push.wanted)
    began = monotonic()
    arrived |= push.send(sends)
    entries |= push.publish(arrived)
    seconds = monotonic() - began
    kept = push.keep(entries, found)
    push.store.link({item.path: item.sha256 for item in items}, kept)
    files = {item.path: replace(entries[item.sha256].state, path=item.path) for item in items}
    return Placed(files, _account(items, sends, seconds))


_UNFINISHED = (PARTIAL, f"{PARTIAL}.proof")
"""What a file that is on its way has in the store."""


@dataclass(frozen=True)
class _Push:
    """The store, and the items by the SHA-256 that each is to have."""

    store: Store
    wanted: Mapping[str, Item]
    progress: Progress

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
        missing = (item for sha256, item in self.wanted.items() if sha256 not in there)
        sends = [plan_send(item, arrived.get(item.sha256 + PARTIAL)) for item in missing]
        return sorted(sends, key=lambda each: each.item.bytes, reverse=True)

    def send(self, sends: Sequence[Send]) -> dict[str, Hashed]:
        """Send, and hash on the device what arrived; BadInput where a local file was changed, and
        nothing of them all is left on the device."""
        if not sends:
            return {}
        try:
            return self._send_all(sends, sum(each.bytes for each in sends))
        except BadInput:
            self.store.remove([each.item.sha256 + kind for each in sends for kind in _UNFINISHED])
            raise

    def _send_all(self, sends: Sequence[Send], total: int) -> dict[str, Hashed]:
        bar_title = f"Pushing {len(sends)} files"
        with _checking(sends) as refuse, progress_bar(self.progress, bar_title, total) as bar:
            for each in sends:
                self._send_one(each, partial(self.progress.advance, bar))
                refuse(each)
                if each is not sends[-1] and each.item.bytes >= LARGE_BYTES:
                    self.store.prove(each.item.sha256 + PARTIAL)
        with progress_bar(self.progress, "Verifying on the device"):
            arrived = self.store.hash([each.item.sha256 + PARTIAL for each in sends], total)
        for each in sends:
            _refuse_damaged(self.store.transport.serial, each.item, arrived)
        return arrived

    def _send_one(self, sending: Send, on_bytes: OnBytes) -> None:
        """Send a file; a device that filled up meanwhile is told apart."""
        try:
            send(self.store, sending, on_bytes)
        except DeviceTrouble as error:
            transport, folder = self.store.transport, self.store.folder
            available = _free_bytes_or_none(transport, folder)
            if available is not None and available < sending.bytes:
                raise DeviceFull(transport.serial, folder, sending.bytes, available) from error
            raise

    def publish(self, arrived: Mapping[str, Hashed]) -> dict[str, Entry]:
        """Give whole files their names; ChangedOnDevice if one changed since it was hashed."""
        whole = _whole(arrived)
        states = self.store.publish(arrived[name].state for name in whole.values()) if whole else {}
        for sha256, name in whole.items():
            if sha256 not in states or _content(states[sha256]) != _content(arrived[name].state):
                item = self.wanted[sha256]
                raise ChangedOnDevice(
                    f"{self.store.transport.serial}: {item.path} changed while it was pushed"
                )
        return {sha256: Entry(states[sha256]) for sha256 in whole}

    def keep(self, entries: Mapping[str, Entry], found: Found) -> Entries | None:
        """Remove what nobody needs or vouches for; the rest, where the stamp does not say it."""
        used = mark_used(entries, self.wanted)
        old = outdated(used)
        self.store.remove(sorted({*old, *(found.present.keys() - used.keys())}))
        kept = {sha256: entry for sha256, entry in used.items() if sha256 not in old}
        return None if kept == found.stamped else kept


@contextmanager
def _checking(sends: Sequence[Send]) -> Iterator[Callable[[Send], None]]:
    """Hash the local files beside what the block does.

    Gives what waits for one, and raises BadInput where it is not what its manifest says.
    """
    with ThreadPoolExecutor(1) as threads:
        checks = {each: threads.submit(refuse_changed, each.item) for each in sends}
        try:
            yield lambda each: checks[each].result()
        finally:
            threads.shutdown(cancel_futures=True)


def _whole(arrived: Mapping[str, Hashed]) -> dict[str, str]:
    """SHA-256 → name of the files that have the content which their name promises."""
    return {
        hashed.sha256: name
        for name, hashed in arrived.items()
        if hashed.sha256 == name.removesuffix(PARTIAL)
    }


def _free_bytes_or_none(transport: Transport, folder: str) -> int | None:
    with suppress(DeviceTrouble):
        return free_bytes(transport, folder)
    return None


def _refuse_damaged(serial: str, item: Item, arrived: Mapping[str, Hashed]) -> None:
    there = arrived.get(item.sha256 + PARTIAL)
    if there is not None and there.sha256 == item.sha256:
        return
    refuse_changed(item)
    raise TransferFailed(f"{serial}: {item.path} arrived damaged; try again")


def _content(state: FileState) -> tuple[int, int, str]:
    """What a new name and a new mode leave as it was."""
    return state.inode, state.bytes, state.modified


def _account(items: Sequence[Item], sends: Sequence[Send], seconds: float) -> Pushed:
    sent_bytes = sum(each.bytes for each in sends)
    return Pushed(
        files=len(sends),
        bytes=sent_bytes,
        skipped_files=len(items) - len(sends),
        skipped_bytes=total_bytes(items) - sent_bytes,
        bytes_per_second=round(sent_bytes / seconds) if sends and seconds > 0 else None,
    )
