"""The store on the device: a file's bytes under their SHA-256, linked into the run folder.

`STORE/<sha256>` is whole, verified and on the flash. `<sha256>.partial` is a beginning, or all, of
what is being pushed; `<sha256>.part` is the part that is on its way. Nothing else stays there.
Links are symbolic: Android refuses its shell user hard ones, and they leave an entry's inode, by
which it is known, as it is.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.files import STAT_FORMAT, FileState, parse_hashes, parse_states
from taskzip.device.stamp import Entries, Entry, format_stamp, parse_stamp
from taskzip.device.transport.protocol import Transport

PARTIAL, PART = ".partial", ".part"
STAMP_FILE = ".stamp"

_NAME_PATTERN = "[0-9a-f]" * 64
_FLASH_TIMEOUT_S = 900.0
"""A card may take a minute for 1 GiB, and an emulated one on a busy host several."""
_HASH_TIMEOUT_S = 600.0

# A runner that outlived its connection is ended too: adbd may notice late that a host is gone.
_OPEN = r"""
home=$1 name=$2 format=$3
[ ! -L "$home" ] || { echo "$home is a link" >&2; exit 1; }
mkdir -p "$home" && cd "$home" || exit
pid=$(cat work/.pid 2>/dev/null) && [ "/proc/$pid/cwd" -ef work ] && kill -9 "$pid"
[ -d store ] && [ ! -L store ] || rm -rf store
rm -rf work && mkdir -p work store && cd store || exit
find . -mindepth 1 -maxdepth 1 ! -path ./.stamp \
    ! '(' -type f '(' -name "$name" -o -name "$name.partial" ')' ')' -exec rm -rf {} + || exit
cat .stamp 2>/dev/null
printf '\0'
find . -mindepth 1 -maxdepth 1 ! -path ./.stamp -exec stat -c "$format" {} +
exit 0
"""
_HASH = r"""
format=$1
cd "$2" || exit
shift 2
stat -c "$format" -- "$@" && printf '\0' && sha256sum -- "$@" && printf '\0' &&
    stat -c "$format" -- "$@"
"""
# On the flash before it has its name: writing it back later would take flash and processor from
# what is measured.
_PUBLISH = r"""
format=$1
cd "$2" || exit
shift 2
fsync "$@" 2>/dev/null || for file do
    dd if=/dev/null of="$file" conv=notrunc,fsync 2>/dev/null || {
        echo "$file: cannot be written to the flash" >&2
        exit 1
    }
done
chmod 755 "$@" || exit
for file do
    shift
    name=${file%.partial}
    [ "$file" = "$name" ] || mv -f "$file" "$name" || exit
    set -- "$@" "$name"
done
stat -c "$format" -- "$@"
"""
_APPEND = r'cd "$1" && cat "$2" >>"$3" && rm -f "$2"'
_REMOVE = r'cd "$1" && shift && rm -f -- "$@"'
_RENAME = r'cd "$1" && mv -f "$2" "$3"'
_LINK = r"""
store=$1
cd "$2" || exit
shift 2
for link do
    path=${link#*:}
    [ -d "${path%/*}" ] || mkdir -p "${path%/*}" || exit
    ln -s "$store/${link%%:*}" "$path" || exit
done
"""


@dataclass(frozen=True)
class Found:
    """What lies in the store: the state of each file by name, and what the stamp knows."""

    present: Mapping[str, FileState]
    stamped: Entries

    @property
    def sure(self) -> dict[str, Entry]:
        """Entries that are still in the state in which they were hashed."""
        return {
            name: entry
            for name, entry in self.stamped.items()
            if self.present.get(name) == entry.state
        }


@dataclass(frozen=True)
class Hashed:
    """A file that had this content while it was in that state."""

    state: FileState
    sha256: str


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

    def open(self) -> Found:
        """Look at the entries, after removing the run folder and all that has no place here."""
        text = self._shell(_OPEN, self.home, _NAME_PATTERN, STAT_FORMAT)
        stamp, _, states = text.rpartition("\0")
        found = parse_states(states)
        present = {path.removeprefix("./"): _named(state) for path, state in found.items()}
        return Found(present, parse_stamp(stamp))

    def hash(self, names: Sequence[str]) -> dict[str, Hashed]:
        """Hash files on the device; those that changed meanwhile are left out."""
        text = self._shell(_HASH, STAT_FORMAT, self.folder, *names, timeout_s=_HASH_TIMEOUT_S)
        parts = text.split("\0")
        if len(parts) != 3:  # noqa: PLR2004  # before, hashes, after
            raise ParseTrouble(f"{self.transport.serial}: hashing gave {len(parts)} parts, not 3")
        before, after = parse_states(parts[0]), parse_states(parts[2])
        hashes = parse_hashes(parts[1])
        return {
            name: Hashed(state, hashes[name])
            for name, state in before.items()
            if name in hashes and state.is_regular and after.get(name) == state
        }

    def publish(self, names: Sequence[str]) -> dict[str, FileState]:
        """Write files to the flash and give partial ones their names; their states after it."""
        return parse_states(
            self._shell(_PUBLISH, STAT_FORMAT, self.folder, *names, timeout_s=_FLASH_TIMEOUT_S)
        )

    def append(self, part: str, whole: str) -> None:
        """Move the content of a part to the end of a file."""
        self._shell(_APPEND, self.folder, part, whole)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files."""
        if names:
            self._shell(_REMOVE, self.folder, *names)

    def link(self, paths: Mapping[str, str]) -> None:
        """Fill the run folder: path → the entry's SHA-256."""
        links = (f"{sha256}:{path}" for path, sha256 in paths.items())
        self._shell(_LINK, self.folder, self.work, *links)

    def write_stamp(self, entries: Entries) -> None:
        """Leave on the device what is known of its entries."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(format_stamp(entries).encode())
            file.flush()
            self.transport.push(Path(file.name), f"{self.folder}/{STAMP_FILE}{PARTIAL}")
        self._shell(_RENAME, self.folder, STAMP_FILE + PARTIAL, STAMP_FILE)

    def _shell(self, script: str, *words: str, timeout_s: float = 60.0) -> str:
        argv = ["sh", "-c", script, "store", *words]
        return self.transport.shell(argv, timeout_s).checked().text


def _named(state: FileState) -> FileState:
    """The state as `stat` shows it inside the folder, without find's `./`."""
    return FileState(**{**vars(state), "path": state.path.removeprefix("./")})
