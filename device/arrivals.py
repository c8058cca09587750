"""What is sent is verified on the device, and written to its flash.

Small files are hashed by the device's `sha256sum` when all are there, and are on the flash before
they have their names; large ones are proven by a program of ours as they arrive, and have them
before: damage is removed, and nothing vouches for them until they are on the flash.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from taskzip.contracts.errors import BadInput, DeviceTrouble
from taskzip.contracts.progress import Progress
from taskzip.device.errors import ChangedOnDevice, DeviceFull, TransferFailed
from taskzip.device.manifest import Item, refuse_changed
from taskzip.device.parse.files import Content, FileState
from taskzip.device.proofs import Proving, new_token, proving
from taskzip.device.room import free_bytes
from taskzip.device.send import Send, send
from taskzip.device.stamp import Entry
from taskzip.device.store import LARGE_BYTES, PART, PARTIAL, Store
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
        """Send and verify; TransferFailed where damage arrived, and BadInput where a local file was
        changed: nothing of what was on its way is left on the device then.
        """
        small = [each for each in sends if prover is None or each.item.bytes < LARGE_BYTES]
        large = [each for each in sends if each not in small]
        token = new_token()
        try:
            with _checking([*small, *large]) as checked:  # in the order in which they are sent
                entries = self._send_small(small, checked, on_bytes)
                if not large or prover is None:
                    yield Arrived(entries)
                    return
                with self._large_sent(large, (prover, token), checked, on_bytes) as arrived:
                    yield replace(arrived, entries={**entries, **arrived.entries})
        except BadInput:
            names = ("", PARTIAL, PART, f".{token}")
            self.store.remove([each.item.sha256 + name for each in sends for name in names])
            raise

    def publish(self, whole: Mapping[str, tuple[str, Content]]) -> dict[str, Entry]:
        """Give whole files their names; ChangedOnDevice if one changed since it was hashed."""
        names = [name for name, _ in whole.values()]
        states = self.store.publish(names) if names else {}
        return {
            sha256: self._entry(sha256, content, states.get(sha256))
            for sha256, (_, content) in whole.items()
        }

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
        sent = [each.item.sha256 for each in sends]
        return {sha256: self._entry(sha256, *settled[sha256]) for sha256 in sent}

    @contextmanager
    def _large_sent(
        self, sends: Sequence[Send], by: tuple[str, str], checked: "_Checked", on_bytes: OnBytes
    ) -> Iterator[Arrived]:
        """Send each while the device hashes it, by a prover and under a token."""
        prover, token = by
        with proving(self.store, prover, sends, token) as proofs:
            if proofs is None:
                self.progress.step("The device cannot run the prover: it hashes afterwards")
                yield Arrived(self._send_small(sends, checked, on_bytes))
                return
            for each in sends:
                with self._told_full(each):
                    proofs.send(each, on_bytes)
                checked(each)
            with self._told_full(sends[-1]):
                found = proofs.proofs(len(sends))
            hashes = {sha256: proof.hash for sha256, proof in found.items()}
            damaged = [each for each in sends if hashes.get(each.item.sha256) != checked(each)]
            if damaged:
                self.store.remove([each.item.sha256 for each in damaged])
                raise self._damaged(damaged[0])
            entries = {
                sha256: self._entry(sha256, proof.content, proof.state)
                for sha256, proof in found.items()
            }
            yield Arrived(entries, partial(self._settle, proofs, sends[-1]))

    def _settle(self, proofs: Proving, last: Send) -> None:
        with self._told_full(last):
            proofs.settle()

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

    def _entry(self, sha256: str, content: Content, state: FileState | None) -> Entry:
        """What a verified file has become; ChangedOnDevice if it changed since it was hashed."""
        if state is None or state.content != content:
            serial, path = self.store.transport.serial, self.wanted[sha256].path
            raise ChangedOnDevice(f"{serial}: {path} changed while it was pushed")
        return Entry(state)


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


def _free_bytes_or_none(transport: Transport, folder: str) -> int | None:
    with suppress(DeviceTrouble):
        return free_bytes(transport, folder)
    return None
