"""Push: bytes that the device's store has are never sent again, those that arrive are verified.

What is missing is sent (going on where an earlier push broke off), hashed on the device, written
to its flash, and only then gets its name. Small files are hashed by the device's `sha256sum` when
all are there; large ones are proven by a program of ours as they arrive. The run folder is links
to the store.
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
from taskzip.device.parse.files import Content, FileState
from taskzip.device.proofs import new_token, proving
from taskzip.device.room import free_bytes, make_room
from taskzip.device.send import Send, plan_send, send
from taskzip.device.stamp import Entries, Entry, mark_used, outdated
from taskzip.device.store import LARGE_BYTES, PART, PARTIAL, Found, Hashed, Store
from taskzip.device.transport.protocol import OnBytes, Transport


@dataclass(frozen=True)
class Placed:
    """The manifest's files on the device, verified, and what it took to put them there."""

    files: Mapping[str, FileState]
    pushed: Pushed


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
    push = _Push(Store(transport, home), {item.sha256: item for item in items}, progress)
    found = push.store.open()
    entries = push.without_wanted(found.sure) if verify else found.sure
    arrived = push.hash_unsure(found, entries)
    sends = push.plan(entries, arrived)
    make_room(push.store, sends, entries, push.wanted)
    entries |= push.publish(_whole(arrived))
    began = monotonic()
    entries |= push.send(sends, prover.sha256 if prover else None)
    seconds = monotonic() - began
    kept = push.keep(entries, found)
    push.store.link({item.path: item.sha256 for item in items}, kept)
    files = {item.path: replace(entries[item.sha256].state, path=item.path) for item in items}
    return Placed(files, _account(items, sends, seconds))


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

    def send(self, sends: Sequence[Send], prover: str | None) -> dict[str, Entry]:
        """Send, verify and publish; BadInput where a local file was changed, and nothing of what
        was on its way is left on the device."""
        small = [each for each in sends if prover is None or each.item.bytes < LARGE_BYTES]
        large = [each for each in sends if each not in small]
        token = new_token()
        try:
            with _checking(sends) as checked, self._bar(sends) as on_bytes:
                entries = self._send_small(small, checked, on_bytes)
                if large and prover is not None:
                    entries |= self._send_large(large, (prover, token), checked, on_bytes)
                return entries
        except BadInput:
            unfinished = (PARTIAL, PART, f".{token}")
            self.store.remove([each.item.sha256 + kind for each in sends for kind in unfinished])
            raise

    @contextmanager
    def _bar(self, sends: Sequence[Send]) -> Iterator[OnBytes]:
        total = sum(each.bytes for each in sends)
        with progress_bar(self.progress, f"Pushing {len(sends)} files", total) as bar:
            yield partial(self.progress.advance, bar)

    def _send_small(
        self, sends: Sequence[Send], checked: "_Checked", on_bytes: OnBytes
    ) -> dict[str, Entry]:
        """Send all, then have the device hash all."""
        if not sends:
            return {}
        for each in sends:
            with self._told_full(each):
                send(self.store, each, on_bytes)
            checked(each)
        names = [each.item.sha256 + PARTIAL for each in sends]
        settled = self.store.settle(names, sum(each.bytes for each in sends))
        for each in sends:
            if each.item.sha256 not in settled:
                raise self._damaged(each)
            self._refuse_changed(each.item.sha256, *settled[each.item.sha256])
        return {each.item.sha256: Entry(settled[each.item.sha256].state) for each in sends}

    def _send_large(
        self, sends: Sequence[Send], by: tuple[str, str], checked: "_Checked", on_bytes: OnBytes
    ) -> dict[str, Entry]:
        """Send each while the device hashes it, by a prover and under a token."""
        prover, token = by
        with proving(self.store, prover, sends, token) as proofs:
            if proofs is None:
                self.progress.step("The device cannot run the prover: it hashes afterwards")
                return self._send_small(sends, checked, on_bytes)
            for each in sends:
                with self._told_full(each):
                    proofs.send(each, on_bytes)
                checked(each)
            with self._told_full(sends[-1]):
                found = proofs.proofs()
        for each in sends:
            proof = found.get(each.item.sha256)
            if proof is None or proof.hash != checked(each):
                raise self._damaged(each)
        whole = {sha256: (sha256 + PARTIAL, proof.content) for sha256, proof in found.items()}
        return self.publish(whole)

    @contextmanager
    def _told_full(self, sending: Send) -> Iterator[None]:
        """A device that filled up while a file was sent is told apart."""
        try:
            yield
        except DeviceTrouble as error:
            transport, folder = self.store.transport, self.store.folder
            available = _free_bytes_or_none(transport, folder)
            if available is not None and available < sending.bytes:
                raise DeviceFull(transport.serial, folder, sending.bytes, available) from error
            raise

    def _damaged(self, sending: Send) -> TransferFailed:
        serial, path = self.store.transport.serial, sending.item.path
        return TransferFailed(f"{serial}: {path} arrived damaged; try again")

    def publish(self, whole: Mapping[str, tuple[str, Content]]) -> dict[str, Entry]:
        """Give whole files their names; ChangedOnDevice if one changed since it was hashed."""
        names = [name for name, _ in whole.values()]
        states = self.store.publish(names) if names else {}
        for sha256, (_, content) in whole.items():
            self._refuse_changed(sha256, content, states.get(sha256))
        return {sha256: Entry(states[sha256]) for sha256 in whole}

    def _refuse_changed(self, sha256: str, content: Content, state: FileState | None) -> None:
        if state is None or state.content != content:
            serial, path = self.store.transport.serial, self.wanted[sha256].path
            raise ChangedOnDevice(f"{serial}: {path} changed while it was pushed")

    def keep(self, entries: Mapping[str, Entry], found: Found) -> Entries | None:
        """Remove what nobody needs or vouches for; the rest, where the stamp does not say it."""
        used = mark_used(entries, self.wanted)
        old = outdated(used)
        self.store.remove(sorted({*old, *(found.present.keys() - used.keys())}))
        kept = {sha256: entry for sha256, entry in used.items() if sha256 not in old}
        return None if kept == found.stamped else kept


_Checked = Callable[[Send], str]
"""Waits for the XXH64 of what is sent of a local file."""


@contextmanager
def _checking(sends: Sequence[Send]) -> Iterator[_Checked]:
    """Hash the local files beside what the block does.

    Gives what waits for one, and raises BadInput where it is not what its manifest says.
    """
    with ThreadPoolExecutor(1) as threads:
        checks = {each: threads.submit(refuse_changed, each.item, each.start) for each in sends}
        try:
            yield lambda each: checks[each].result()
        finally:
            threads.shutdown(cancel_futures=True)


def _whole(arrived: Mapping[str, Hashed]) -> dict[str, tuple[str, Content]]:
    """SHA-256 → name and content of the files that are what their name promises."""
    return {
        hashed.sha256: (name, hashed.state.content)
        for name, hashed in arrived.items()
        if hashed.sha256 == name.removesuffix(PARTIAL)
    }


def _free_bytes_or_none(transport: Transport, folder: str) -> int | None:
    with suppress(DeviceTrouble):
        return free_bytes(transport, folder)
    return None


def _account(items: Sequence[Item], sends: Sequence[Send], seconds: float) -> Pushed:
    sent_bytes = sum(each.bytes for each in sends)
    return Pushed(
        files=len(sends),
        bytes=sent_bytes,
        skipped_files=len(items) - len(sends),
        skipped_bytes=total_bytes(items) - sent_bytes,
        bytes_per_second=round(sent_bytes / seconds) if sends and seconds > 0 else None,
    )
