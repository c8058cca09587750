"""What is sent is verified on the device, and written to its flash.

A program of ours proves files as they arrive; they have their names before they are on the flash:
nothing vouches for them until then. Where it does not run, all are hashed by the device's
`sha256sum` when they are there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from taskzip.contracts.errors import BadInput, DeviceTrouble
from taskzip.contracts.progress import Progress
from taskzip.device.errors import ChangedOnDevice, DeviceFull, TransferFailed
from taskzip.device.manifest import Item, refuse_changed
from taskzip.device.parse.files import Content, FileState
from taskzip.device.proofs import Proof, Proving, new_token, proving, send_part
from taskzip.device.room import free_bytes
from taskzip.device.send import Send, send
from taskzip.device.stamp import Entry
from taskzip.device.store import PART, PARTIAL, Settled, Store
from taskzip.device.transport.protocol import OnBytes, Transport


@dataclass(frozen=True)
class Arrived:
    """What was sent, verified, under its name; on the flash once `settle` has returned."""

    entries: Mapping[str, Entry]
    settle: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Arrivals:
    """The store, the items by the SHA-256 that each is to have, and who is told."""

    store: Store
    wanted: Mapping[str, Item]
    progress: Progress

    @contextmanager
    def sent(
        self, sends: Sequence[Send], prover: str | None, on_bytes: OnBytes
    ) -> Iterator[Arrived]:
        """Send and verify; TransferFailed where damage arrived, which gets no name or loses it, and
        BadInput where a local file was changed: nothing of what was on its way is left then.
        """
        sends, token = _in_order(sends, prover), new_token()
        own = [each for each in sends if each.item.sha256 == prover]
        try:
            with _checking(sends) as checked:
                if prover is None:
                    self._send(sends, lambda each: send(self.store, each, on_bytes), checked)
                    yield Arrived(self._hashed(sends))
                    return
                self._send(own, lambda each: send_part(self.store, each, token, on_bytes), checked)
                with proving(self.store, prover, sends, token) as proofs:
                    more = sends[len(own) :]
                    self._send(more, lambda each: proofs.send(each, on_bytes), checked)
                    yield self._proven(sends, proofs, checked)
        except BadInput:
            ends = ("", PARTIAL, PART, f".{token}")
            self.store.remove([each.item.sha256 + end for each in sends for end in ends])
            raise

    def publish(self, whole: Mapping[str, tuple[str, Content]]) -> dict[str, Entry]:
        """Give whole files their names; ChangedOnDevice if one changed since it was hashed."""
        names = [name for name, _ in whole.values()]
        states = self.store.publish(names) if names else {}
        return {
            sha256: self._entry(sha256, content, states.get(sha256))
            for sha256, (_, content) in whole.items()
        }

    def _send(
        self, sends: Sequence[Send], how: Callable[[Send], None], checked: "_Checked"
    ) -> None:
        for each in sends:
            with self._told_full(each):
                how(each)
            checked(each)

    def _hashed(self, sends: Sequence[Send]) -> dict[str, Entry]:
        """What was sent, hashed by the device, and on its flash."""
        if not sends:
            return {}
        names = [each.item.sha256 + PARTIAL for each in sends]
        return self._entries(sends, self.store.settle(names, sum(each.bytes for each in sends)))

    def _proven(self, sends: Sequence[Send], proofs: Proving, checked: "_Checked") -> Arrived:
        """What was sent, which the device has hashed, and named, meanwhile."""
        if not proofs.ready():
            self.progress.step("The device cannot run the prover: it hashes afterwards")
            for each in sends:
                proofs.give_up(each)
            return Arrived(self._hashed(sends))
        with self._told_full(sends[-1]):
            found = proofs.proofs(len(sends))
        entries = self._entries(sends, self._unchanged(self._whole(sends, found, checked)))
        return Arrived(entries, partial(self._settle, proofs, sends[-1]))

    def _whole(
        self, sends: Sequence[Send], found: Mapping[str, Proof], checked: "_Checked"
    ) -> dict[str, Settled]:
        """The files that have the hash of what was sent; others are removed."""
        hashes = {each.item.sha256: checked(each) for each in sends}
        damaged = [sha256 for sha256, proof in found.items() if proof.hash != hashes.get(sha256)]
        self.store.remove(damaged)
        return {name: proof.settled for name, proof in found.items() if name not in damaged}

    def _unchanged(self, settled: Mapping[str, Settled]) -> dict[str, Settled]:
        """Hash again what is not as it was when it was hashed.

        adbd sets a file's time behind its last byte, which can be after the prover has read that.
        """
        changed = [name for name, (content, state) in settled.items() if state.content != content]
        again = self.store.hash(changed) if changed else {}
        sure = {name: each.state for name, each in again.items() if each.sha256 == name}
        return {**settled, **{name: Settled(each.content, each) for name, each in sure.items()}}

    def _settle(self, proofs: Proving, last: Send) -> None:
        with self._told_full(last):
            proofs.settle()

    def _entries(self, sends: Sequence[Send], verified: Mapping[str, Settled]) -> dict[str, Entry]:
        """The entries that were sent; TransferFailed for one that is not among the verified."""
        for each in sends:
            if each.item.sha256 not in verified:
                serial, path = self.store.transport.serial, each.item.path
                raise TransferFailed(f"{serial}: {path} arrived damaged; try again")
        names = [each.item.sha256 for each in sends]
        return {sha256: self._entry(sha256, *verified[sha256]) for sha256 in names}

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

    def _entry(self, sha256: str, content: Content, state: FileState | None) -> Entry:
        """What a verified file has become; ChangedOnDevice if it changed since it was hashed."""
        if state is None or state.content != content:
            serial, path = self.store.transport.serial, self.wanted[sha256].path
            raise ChangedOnDevice(f"{serial}: {path} changed while it was pushed")
        return Entry(state)


def _in_order(sends: Sequence[Send], prover: str | None) -> list[Send]:
    """The prover, which is there before what it proves, then the others."""
    return sorted(sends, key=lambda each: each.item.sha256 != prover)


_Checked = Callable[[Send], str]
"""Waits for the XXH64 of what is sent of a local file."""


@contextmanager
def _checking(sends: Sequence[Send]) -> Iterator[_Checked]:
    """Hash the local files, in the order in which they are sent, beside what the block does.

    Gives what waits for one, and raises BadInput where it is not what its manifest says.
    """
    with ThreadPoolExecutor(1) as threads:
        checks = {each: threads.submit(refuse_changed, each.item, each.start) for each in sends}
        try:
            yield lambda each: checks[each].result()
        finally:
            threads.shutdown(cancel_futures=True)


def _free_bytes_or_none(transport: Transport, folder: str) -> int | None:
    with suppress(DeviceTrouble):
        return free_bytes(transport, folder)
    return None
