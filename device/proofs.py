"""Files proven as they arrive: the prover runs on the device beside what is sent.

It is the first that is sent. It takes each file's name from adbd as soon as there is one, so that
what had arrived stays where a transfer breaks off; hashes the bytes while they are in memory, gives
the file its name, and tells both, so that nothing is left to do once the last byte is there but to
compare; then it waits for the flash.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from taskzip.device.errors import ParseTrouble, TransferFailed
from taskzip.device.parse.fields import shown, whole_number
from taskzip.device.parse.files import STAT_FORMAT, Content, parse_states
from taskzip.device.send import Send, make_whole, send_as
from taskzip.device.store import Settled, Store
from taskzip.device.store_scripts import DAMAGED
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
    """A prover that waits for files in their order; sending need not wait for it."""

    def __init__(self, store: Store, stream: LineStream, token: str) -> None:
        self._store, self._stream, self._token = store, stream, token

    def send(self, sending: Send, on_bytes: OnBytes) -> None:
        """Send what is missing of a file."""
        send_part(self._store, sending, self._token, on_bytes)

    def ready(self) -> bool:
        """Whether the device can run the prover; TransferFailed if that arrived damaged."""
        line = next(self._stream, None)
        if line is not None and line != _READY:
            said = shown(line.decode(errors="replace"))
            raise ParseTrouble(f"the prover should be ready, the device says {said}")
        ended = self._stream.completed
        if ended is not None and ended.exit_code == DAMAGED:
            serial = self._store.transport.serial
            raise TransferFailed(f"{serial}: the prover arrived damaged; try again")
        return line == _READY

    def give_up(self, sending: Send) -> None:
        """Where no prover ran: make what was sent the whole partial file."""
        make_whole(self._store, sending, _part(sending, self._token))

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

    def _refuse_failure(self) -> None:
        if self._stream.completed is not None:
            self._stream.completed.checked()


def new_token() -> str:
    """What stands behind a file's name while it is on its way, another for each push."""
    return f"part-{_LOWEST_TOKEN + secrets.randbelow(9 * _LOWEST_TOKEN)}"


def send_part(store: Store, sending: Send, token: str, on_bytes: OnBytes) -> None:
    """Send what is missing of a file, under the name by which the prover knows it."""
    send_as(store, sending, _part(sending, token), on_bytes)


@contextmanager
def proving(store: Store, prover: str, sends: Sequence[Send], token: str) -> Iterator[Proving]:
    """The prover of these files: an entry of the store, or the first of them, sent already."""
    own = [_part(each, token) for each in sends if each.item.sha256 == prover]
    program, promised = (own[0], prover) if own else (prover, "")
    files = [(each.item.sha256, each.start, each.item.bytes) for each in sends]
    words = [store.folder, token, STAT_FORMAT, *(str(word) for file in files for word in file)]
    stream = store.run(program, promised, words)
    try:
        yield Proving(store, stream, token)
    finally:
        stream.close()


def _part(sending: Send, token: str) -> str:
    return f"{sending.item.sha256}.{token}"


def _parse(line: str) -> tuple[str, Content, str]:
    match = _PROOF.fullmatch(line)
    if match is None:
        raise ParseTrouble(f"the prover should prove a file, the device says {shown(line)}")
    sha256, *numbers, digest = match.groups()
    inode, size, modified = (whole_number(number, "the prover") for number in numbers)
    return sha256, Content(inode, size, modified), digest
