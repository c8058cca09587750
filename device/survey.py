"""What lies in the working folder: one command on the device looks, and removes what is foreign."""

from collections.abc import Sequence
from dataclasses import dataclass

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.files import STAT_FORMAT, FileState, parse_hashes, parse_states
from taskzip.device.transport.protocol import Transport

STAMP_FILE = ".stamp"
_STAMP_HEADER = "taskzip stamp 1"
_HASH_TIMEOUT_S = 300.0

# A runner that outlived its connection is ended too: adbd may notice late that a host is gone.
_SURVEY = r"""
format=$1
mkdir -p "$2" && cd "$2" || exit
shift 2
pid=$(cat .pid 2>/dev/null) && [ "/proc/$pid/cwd" -ef . ] && kill -9 "$pid"
(
    for path do set -- "$@" ! -path "./$path"; shift; done
    find . ! -type d ! -path ./.stamp "$@" -exec rm -f {} +
) || exit
cat .stamp 2>/dev/null
printf '\0'
stat -c "$format" -- "$@" 2>/dev/null
exit 0
"""
_HASH = r"""
format=$1
cd "$2" || exit
shift 2
stat -c "$format" -- "$@" && printf '\0' && sha256sum -- "$@" && printf '\0' &&
    stat -c "$format" -- "$@"
"""
_WRITE_STAMP = r"""
cd "$1" && printf '%s' "$2" >.stamp.partial && mv -f .stamp.partial .stamp
"""


@dataclass(frozen=True)
class Known:
    """A file whose content was hashed on the device while it was in that state."""

    state: FileState
    sha256: str


@dataclass(frozen=True)
class Survey:
    """Files of the manifest that are there, and what an earlier session knew about them."""

    present: dict[str, FileState]
    stamped: dict[str, Known]

    def known(self, path: str) -> Known | None:
        """The file, if it is still in the state in which it was hashed."""
        stamp = self.stamped.get(path)
        return stamp if stamp is not None and self.present.get(path) == stamp.state else None


def survey(transport: Transport, root: str, paths: Sequence[str]) -> Survey:
    """Look at the files of the manifest, after removing all else that a session left in `root`."""
    argv = ["sh", "-c", _SURVEY, "survey", STAT_FORMAT, root, *paths]
    stamp, _, states = transport.shell(argv).checked().text.rpartition("\0")
    return Survey(parse_states(states), parse_stamp(stamp))


def hash_files(transport: Transport, root: str, paths: Sequence[str]) -> dict[str, Known]:
    """Hash files on the device; those that changed meanwhile are left out."""
    argv = ["sh", "-c", _HASH, "hash", STAT_FORMAT, root, *paths]
    parts = transport.shell(argv, timeout_s=_HASH_TIMEOUT_S).checked().text.split("\0")
    if len(parts) != 3:  # noqa: PLR2004  # before, hashes, after
        raise ParseTrouble(f"{transport.serial}: hashing files gave {len(parts)} parts, not 3")
    before, hashes, after = parse_states(parts[0]), parse_hashes(parts[1]), parse_states(parts[2])
    return {
        path: Known(state, hashes[path])
        for path, state in before.items()
        if path in hashes and state.is_regular and after.get(path) == state
    }


def write_stamp(transport: Transport, root: str, files: dict[str, Known]) -> None:
    """Leave on the device what is known of its files, for the next session."""
    text = format_stamp(files)
    transport.shell(["sh", "-c", _WRITE_STAMP, "stamp", root, text]).checked()


def format_stamp(files: dict[str, Known]) -> str:
    """The stamp's text: a header, then hash and state of each file."""
    lines = (f"{known.sha256}|{known.state.line}" for known in files.values())
    return "\n".join((_STAMP_HEADER, *lines))


def parse_stamp(text: str) -> dict[str, Known]:
    """What a stamp says; nothing when it is missing, of another form, or damaged."""
    header, _, rest = text.partition("\n")
    if header != _STAMP_HEADER:
        return {}
    files = {}
    for line in rest.split("\n"):
        sha256, _, state_line = line.partition("|")
        try:
            states = parse_states(state_line)
        except ParseTrouble:
            return {}
        files.update({path: Known(state, sha256) for path, state in states.items()})
    return files
