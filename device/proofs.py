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
from taskzip.device.parse.files import STAT_FORMAT, Content, FileState, parse_states
from taskzip.device.send import Send
from taskzip.device.store import FLASH_TIMEOUT_S, Store
from taskzip.device.transport.protocol import LineStream, OnBytes, Span

_READY, _SETTLED = b"ready", b"settled"
_LOWEST_TOKEN = 100_000_000
"""A name of its own for each push: a prover whose host is gone takes nothing that is not its own.
Nine digits, which a replayed device takes for any others."""
_PROOF = re.compile(r"([0-9a-f]{64}) (\d+) (\d+) (\d+) ([0-9a-f]{16})")


@dataclass(frozen=True)
class Proof:
    """What arrived: the hash of the bytes that were sent, XXH64, the file they were in then, and
    what it is under its name."""

    content: Content
    hash: str
    state: FileState | None


class Proving:
    """A prover that waits for files in their order."""

    def __init__(self, store: Store, stream: LineStream, token: str) -> None:
        self._store, self._stream, self._token = store, stream, token

    def send(self, sending: Send, on_bytes: OnBytes) -> None:
        """Send what is missing of a file."""
        item = sending.item
        target = f"{self._store.folder}/{item.sha256}.{self._token}"
        span = Span(sending.start, sending.bytes)
        self._store.transport.push(item.local, target, on_bytes, span)

    def proofs(self, count: int) -> dict[str, Proof]:
        """Of so many files, by SHA-256, once all are named; fewer where there are no more."""
        lines = [line.decode(errors="replace") for line in islice(self._stream, 2 * count)]
        if len(lines) < 2 * count:
            self._refuse_failure()
        proofs, states = map(_parse, lines[:count]), parse_states("\n".join(lines[count:]))
        return {name: Proof(content, digest, states.get(name)) for name, content, digest in proofs}

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


@contextmanager
def proving(
    store: Store, prover: str, sends: Sequence[Send], token: str
) -> Iterator[Proving | None]:
    """The prover, an entry of the store, waiting for the files; None where it cannot run."""
    words = [(each.item.sha256, each.start, each.item.bytes) for each in sends]
    argv = [f"{store.folder}/{prover}", store.folder, token, STAT_FORMAT]
    argv += [str(word) for three in words for word in three]
    stream = store.transport.lines(argv, FLASH_TIMEOUT_S)
    try:
        is_ready = next(stream, None) == _READY
        yield Proving(store, stream, token) if is_ready else None
    finally:
        stream.close()


def _parse(line: str) -> tuple[str, Content, str]:
    match = _PROOF.fullmatch(line)
    if match is None:
        raise ParseTrouble(f"the prover should prove a file, the device says {shown(line)}")
    sha256, *numbers, digest = match.groups()
    inode, size, modified = (whole_number(number, "the prover") for number in numbers)
    return sha256, Content(inode, size, modified), digest
