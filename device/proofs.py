"""Large files proven as they arrive: the prover runs on the device beside what is sent.

It takes each file's name from adbd as soon as there is one, so that what had arrived stays where a
transfer breaks off; hashes the bytes while they are in memory, gives the file its name, and tells
both, so that nothing is left to do once the last byte is there but to compare; then it waits for
the flash.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.fields import shown, whole_number
from taskzip.device.parse.files import STAT_FORMAT, Content, parse_states
from taskzip.device.send import Send, make_whole, send_as
from taskzip.device.store import Settled, Store
from taskzip.device.store_scripts import NOT_NAMED
from taskzip.device.transport.protocol import LineStream, OnBytes

_READY, _SETTLED = b"ready", b"settled"
_LOWEST_TOKEN = 100_000_000
"""A name of its own for each push: a prover whose host is gone takes nothing that is not its own.
Nine digits, which a replayed device takes for any others."""
_PROOF = re.compile(r"([0-9a-f]{64}) (\d+) (\d+) (\d+) ([0-9a-f]{16})")


@dataclass(frozen=True)
class Proof:
    """What arrived: the hash of the bytes that were sent, XXH64, and the file they are in."""

    hash: str
    settled: Settled


class Proving:
    """A prover that waits for files in their order, once small files have their names.

    Sending need not wait for either.
    """

    def __init__(self, store: Store, stream: LineStream, token: str) -> None:
        self._store, self._stream, self._token = store, stream, token
        self.is_ready = False
        """Whether the prover runs, once `small` has told."""

    def send(self, sending: Send, on_bytes: OnBytes) -> None:
        """Send what is missing of a file."""
        send_as(self._store, sending, self._name(sending), on_bytes)

    def small(self) -> dict[str, Settled]:
        """The small files that have their names, by SHA-256."""
        lines = []
        for line in self._stream:
            if line == _READY:
                self.is_ready = True
                break
            lines.append(line.decode(errors="replace"))
        ended = self._stream.completed
        if ended is not None and ended.exit_code == NOT_NAMED:
            ended.checked()
        return self._store.settled("\n".join(lines)) if lines else {}

    def give_up(self, sending: Send) -> None:
        """Where no prover ran: make what was sent the whole partial file."""
        make_whole(self._store, sending, self._name(sending))

    def proofs(self, count: int) -> dict[str, Proof]:
        """Of so many files, by SHA-256, once all are named; fewer where there are no more."""
        lines = [line.decode(errors="replace") for line in islice(self._stream, 2 * count)]
        if len(lines) < 2 * count:
            self._refuse_failure()
        proofs, states = map(_parse, lines[:count]), parse_states("\n".join(lines[count:]))
        return {
            name: Proof(digest, Settled(content, states[name]))
            for name, content, digest in proofs
            if name in states
        }

    def settle(self) -> None:
        """Wait until all is on the flash, and for the prover's end."""
        said = list(self._stream)
        self._refuse_failure()
        if said != [_SETTLED]:
            raise ParseTrouble(f"the prover should say that all is settled, not {said!r}")

    def _name(self, sending: Send) -> str:
        return f"{sending.item.sha256}.{self._token}"

    def _refuse_failure(self) -> None:
        if self._stream.completed is not None:
            self._stream.completed.checked()


def new_token() -> str:
    """What stands behind a file's name while it is on its way, another for each push."""
    return f"part-{_LOWEST_TOKEN + secrets.randbelow(9 * _LOWEST_TOKEN)}"


@contextmanager
def proving(
    store: Store, prover: str, small: Sequence[str], sends: Sequence[Send], token: str
) -> Iterator[Proving]:
    """The prover, an entry of the store, or one of the small files that become entries first."""
    words = [(each.item.sha256, each.start, each.item.bytes) for each in sends]
    argv = [f"{store.folder}/{prover}", store.folder, token, STAT_FORMAT]
    argv += [str(word) for three in words for word in three]
    stream = store.name_and_run(small, argv)
    try:
        yield Proving(store, stream, token)
    finally:
        stream.close()


def _parse(line: str) -> tuple[str, Content, str]:
    match = _PROOF.fullmatch(line)
    if match is None:
        raise ParseTrouble(f"the prover should prove a file, the device says {shown(line)}")
    sha256, *numbers, digest = match.groups()
    inode, size, modified = (whole_number(number, "the prover") for number in numbers)
    return sha256, Content(inode, size, modified), digest
