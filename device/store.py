"""The store on the device: a file's bytes under their SHA-256, linked into the run folder.

`STORE/<sha256>` is whole, verified and on the flash where the stamp vouches for it: all others are
hashed before they are used. `<sha256>.partial` is a beginning, or all, of
what is being pushed; `<sha256>.part…` is what is on its way. Nothing else stays there.
Links are symbolic: Android refuses its shell user hard ones, and they leave an entry's inode, by
which it is known, as it is.
"""

import base64
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from taskzip.contracts.errors import DeviceTrouble
from taskzip.device import store_scripts as scripts
from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.files import (
    STAT_FORMAT,
    Content,
    FileState,
    parse_hashes,
    parse_states,
)
from taskzip.device.parse.storage import parse_available
from taskzip.device.stamp import Entries, Entry, format_stamp, parse_stamp
from taskzip.device.transport.protocol import SHELL_TIMEOUT_S, LineStream, Transport

PARTIAL, PART = ".partial", ".part"
STAMP_FILE = ".stamp"
LARGE_BYTES = 4 << 20
"""From here on it pays to prove a file as it arrives, and to write all that waits to the flash."""

_OPEN_MARK = b"%"
"""The line behind each part of what OPEN says."""
_NAME_PATTERN = "[0-9a-f]" * 64
FLASH_TIMEOUT_S = 900.0
"""A card may take a minute for 1 GiB, and an emulated one on a busy host several."""
_HASH_TIMEOUT_S = 600.0
_LINK_BLOCKS_AT_ONCE = 76
"""Of a tar: with what ends it, and in Base64, they fit into an adb server's request."""
_STAMP_BYTES_AT_ONCE = 8 << 10
"""What surely fits into a command line, and into an adb server's request."""


@dataclass(frozen=True)
class Found:
    """What lies in the store: the state of each file by name, what the stamp knows, and room."""

    present: Mapping[str, FileState]
    stamped: Entries
    free_bytes: int

    @property
    def sure(self) -> dict[str, Entry]:
        """Entries that are still in the state in which they were hashed."""
        return {
            name: entry
            for name, entry in self.stamped.items()
            if self.present.get(name) == entry.state
        }


class Opened(NamedTuple):
    """What lies in the store, and what waits until the run folder's links are made."""

    found: Found
    link: Callable[[], None]


@dataclass(frozen=True)
class Hashed:
    """A file that had this content while it was in that state."""

    state: FileState
    sha256: str


class Settled(NamedTuple):
    """What a file was when it was hashed, and its state under its name."""

    content: Content
    state: FileState


States = dict[str, FileState]
Link = tuple[str, str]
"""Its path, and its target."""


@dataclass(frozen=True)
class Store:
    """The store below `home`, a folder on the device that is the harness's own."""

    transport: Transport
    home: str

    @property
    def folder(self) -> str:
        """Where the entries lie."""
        return f"{self.home}/store"

    @property
    def work(self) -> str:
        """The run folder."""
        return f"{self.home}/work"

    @contextmanager
    def opened(self, paths: Mapping[str, str] | None = None) -> Iterator[Opened]:
        """Look at the entries, after removing the run folder and all that has no place here.

        The run folder becomes links, path → SHA-256; what is not there yet can come later.
        """
        links = [(path, f"{self.folder}/{sha256}") for path, sha256 in (paths or {}).items()]
        first, *more = map(_packed, _batches(links) or [[]])
        words = [scripts.OPEN, "store", self.home, _NAME_PATTERN, STAT_FORMAT, first]
        stream = self.transport.lines(["sh", "-c", *words], SHELL_TIMEOUT_S)

        def link() -> None:
            _finish(stream)
            for packed in more:
                self._shell(scripts.LINK, self.work, packed)

        try:
            yield Opened(self._found(stream), link)
        except BaseException:
            with suppress(DeviceTrouble):
                _finish(stream)  # broken off, it would take the connection along, and the lock
            raise

    def hash(self, names: Sequence[str]) -> dict[str, Hashed]:
        """Hash files on the device; those that changed meanwhile are left out."""
        before, hashes, after = self._three(self._in_folder(scripts.HASH, names, _HASH_TIMEOUT_S))
        return {
            name: Hashed(state, hashes[name])
            for name, state in before.items()
            if name in hashes and state.is_regular and after.get(name) == state
        }

    def settle(self, names: Sequence[str], to_flash_bytes: int) -> dict[str, Settled]:
        """Hash partial files; those that are what their names promise are published, by SHA-256."""
        words = ["sync" if to_flash_bytes >= LARGE_BYTES else ":", *names]
        text = self._in_folder(scripts.SETTLE, words, FLASH_TIMEOUT_S)
        before, hashes, after = self._three(text)
        return {
            sha256: Settled(before[name].content, after[sha256])
            for name, sha256 in hashes.items()
            if name == sha256 + PARTIAL and name in before and sha256 in after
        }

    def run(self, program: str, promised: str, words: Sequence[str]) -> LineStream:
        """Run a program that lies in the folder.

        Where its SHA-256 is `promised`, and is another, it ends with `DAMAGED` instead.
        """
        argv = [scripts.RUN, "store", self.folder, program, promised, *words]
        return self.transport.lines(["sh", "-c", *argv], FLASH_TIMEOUT_S)

    def publish(self, names: Iterable[str]) -> dict[str, FileState]:
        """Give partial files their names, once they are on the flash; their states then."""
        return parse_states(self._in_folder(scripts.PUBLISH, list(names), FLASH_TIMEOUT_S))

    def append(self, part: str, whole: str) -> None:
        """Move the content of a part to the end of a file."""
        self._shell(scripts.APPEND, self.folder, part, whole)

    def rename(self, name: str, new: str) -> None:
        """Give a file another name."""
        self._shell(scripts.RENAME, self.folder, name, new)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files."""
        if names:
            self._shell(scripts.REMOVE, self.folder, *names)

    def vouch_for(self, entries: Entries) -> None:
        """Write the stamp: what is known of the entries, all of which are on the flash."""
        stamp = format_stamp(entries)
        if len(stamp) <= _STAMP_BYTES_AT_ONCE:
            self._shell(scripts.STAMP, self.folder, stamp)
            return
        with tempfile.NamedTemporaryFile() as file:
            file.write(stamp.encode())
            file.flush()
            self.transport.push(Path(file.name), f"{self.folder}/{STAMP_FILE}{PARTIAL}")
        self.rename(STAMP_FILE + PARTIAL, STAMP_FILE)

    def _found(self, stream: LineStream) -> Found:
        room, states, stamp = (self._part(stream) for _ in range(3))
        found = parse_states(states)
        present = {path.removeprefix("./"): _named(state) for path, state in found.items()}
        return Found(present, parse_stamp(stamp), parse_available(room))

    def _part(self, stream: LineStream) -> str:
        """What stands before the next mark."""
        lines: list[str] = []
        for line in stream:
            if line == _OPEN_MARK:
                return "\n".join(lines)
            lines.append(line.decode(errors="replace"))
        if stream.completed is not None:
            stream.completed.checked()
        raise ParseTrouble(f"{self.transport.serial}: what the store has is not told to its end")

    def _three(self, text: str) -> tuple[States, dict[str, str], States]:
        """States, hashes, and states again."""
        parts = text.split("\0")
        if len(parts) != 3:  # noqa: PLR2004  # before, hashes, after
            raise ParseTrouble(f"{self.transport.serial}: hashing gave {len(parts)} parts, not 3")
        return parse_states(parts[0]), parse_hashes(parts[1]), parse_states(parts[2])

    def _in_folder(self, script: str, words: Sequence[str], timeout_s: float) -> str:
        return self._shell(script, STAT_FORMAT, self.folder, *words, timeout_s=timeout_s)

    def _shell(self, script: str, *words: str, timeout_s: float = SHELL_TIMEOUT_S) -> str:
        argv = ["sh", "-c", script, "store", *words]
        return self.transport.shell(argv, timeout_s).checked().text


def _finish(stream: LineStream) -> None:
    """Wait for the command's end; CommandFailed where it failed."""
    for _ in stream:
        pass
    if stream.completed is not None:
        stream.completed.checked()


def _named(state: FileState) -> FileState:
    """The state as `stat` shows it inside the folder, without find's `./`."""
    return FileState(**{**vars(state), "path": state.path.removeprefix("./")})


def _batches(links: Iterable[Link]) -> list[list[Link]]:
    """The links, as many together as fit."""
    batches: list[list[Link]] = []
    left = 0
    for link in links:
        long = [len(word.encode()) for word in link if len(word.encode()) >= tarfile.LENGTH_NAME]
        blocks = 1 + sum(1 + -(-(count + 1) // tarfile.BLOCKSIZE) for count in long)
        if blocks > left:
            batches.append([])
            left = _LINK_BLOCKS_AT_ONCE
        batches[-1].append(link)
        left -= blocks
    return batches


def _packed(links: Sequence[Link]) -> str:
    """A tar of symbolic links, path and target, in Base64: one program makes all of them."""
    if not links:
        return ""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, target in links:
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return base64.b64encode(packed.getvalue()).decode()
