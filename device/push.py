"""Push by manifest: what is there and right is skipped, what is pushed is verified, then renamed.

Hashing everything at each start would cost seconds on a slow device. A file is hashed once, after
it was pushed; its hash is kept beside its inode's state (size, mode, modification and change time
in nanoseconds, inode). Whatever writes to a file, replaces it or sets its times changes the state,
and the file is hashed again. The same states are compared again before each run. A file is on the
flash before it has its name: writing it back later would take flash and processor from what is
measured.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

from taskzip.contracts.errors import BadInput, DeviceTrouble
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.report import Pushed
from taskzip.device.errors import ChangedOnDevice, DeviceFull, TransferFailed
from taskzip.device.manifest import Item, hash_file, total_bytes
from taskzip.device.parse.files import STAT_FORMAT, FileState, parse_states
from taskzip.device.parse.storage import parse_available
from taskzip.device.survey import Known, Survey, hash_files, survey, write_stamp
from taskzip.device.transport.protocol import OnBytes, Transport

MARGIN_BYTES = 8 << 20
"""Left free for what runs write."""

_PARTIAL = ".partial"

_RENAME = r"""
format=$1 partial=$2
cd "$3" || exit
shift 3
for file do
    mode=${file%%:*} path=${file#*:}
    dd if=/dev/null of="$path$partial" conv=notrunc,fsync 2>/dev/null || {
        echo "$path: cannot be written to the flash" >&2
        exit 1
    }
    chmod "$mode" "$path$partial" && mv -f "$path$partial" "$path" || exit
done
for file do
    shift
    set -- "$@" "${file#*:}"
done
stat -c "$format" -- "$@"
"""


@dataclass(frozen=True)
class Placed:
    """The manifest's files on the device, verified, and what it took to put them there."""

    files: dict[str, FileState]
    pushed: Pushed


def push_items(
    transport: Transport, root: str, items: Sequence[Item], progress: Progress
) -> Placed:
    """Make the folder `root` on the device hold exactly `items`.

    Raises DeviceFull before anything is pushed, TransferFailed when a file arrives damaged, and
    BadInput when a local file is not what its manifest says.
    """
    found = survey(transport, root, [item.path for item in items])
    right = _already_right(transport, root, items, found)
    missing = [item for item in items if item.path not in right]
    seconds = 0.0
    if missing:
        _check_space(transport, root, missing)
        began = monotonic()
        _transfer(transport, root, missing, progress)
        seconds = monotonic() - began
        right |= _verify(transport, root, missing, progress)
    if right != found.stamped:
        write_stamp(transport, root, right)
    return Placed(
        {path: known.state for path, known in right.items()}, _account(items, missing, seconds)
    )


def _already_right(
    transport: Transport, root: str, items: Sequence[Item], found: Survey
) -> dict[str, Known]:
    """Files that need no push: by their stamp, or hashed now for want of one."""
    known = {item.path: found.known(item.path) for item in items}
    unsure = [
        item.path
        for item in items
        if known[item.path] is None and _fits(item, found.present.get(item.path))
    ]
    if unsure:
        known |= hash_files(transport, root, unsure)
    return {
        item.path: there
        for item in items
        if (there := known[item.path]) and there.sha256 == item.sha256 and _fits(item, there.state)
    }


def _fits(item: Item, state: FileState | None) -> bool:
    """Whether a hash is worth taking: a regular file of the right size and mode."""
    return (
        state is not None
        and state.is_regular
        and state.bytes == item.bytes
        and state.mode & 0o777 == item.mode
    )


def _check_space(transport: Transport, root: str, missing: Sequence[Item]) -> None:
    available = free_bytes(transport, root)
    needed = total_bytes(missing) + MARGIN_BYTES
    if available < needed:
        raise DeviceFull(transport.serial, root, needed, available)


def free_bytes(transport: Transport, folder: str) -> int:
    """Bytes free on the file system of a folder on the device."""
    return parse_available(transport.shell(["df", "-k", folder]).checked().text)


def _transfer(transport: Transport, root: str, missing: Sequence[Item], progress: Progress) -> None:
    total = total_bytes(missing)
    with progress_bar(progress, f"Pushing {len(missing)} files", total) as bar:
        for item in missing:
            _push_one(transport, root, item, partial(progress.advance, bar))


def _verify(
    transport: Transport, root: str, missing: Sequence[Item], progress: Progress
) -> dict[str, Known]:
    """Hash what arrived and move it to its place."""
    with progress_bar(progress, "Verifying on the device"):
        arrived = hash_files(transport, root, [item.path + _PARTIAL for item in missing])
    for item in missing:
        _refuse_damaged(transport.serial, item, arrived.get(item.path + _PARTIAL))
    return _rename(transport, root, missing, arrived)


def _push_one(transport: Transport, root: str, item: Item, on_bytes: OnBytes) -> None:
    """Push a file beside its place; a device that filled up meanwhile is told apart."""
    try:
        transport.push(item.local, f"{root}/{item.path}{_PARTIAL}", on_bytes)
    except DeviceTrouble as error:
        available = _free_bytes_or_none(transport, root)
        if available is not None and available < item.bytes:
            raise DeviceFull(transport.serial, root, item.bytes, available) from error
        raise


def _free_bytes_or_none(transport: Transport, root: str) -> int | None:
    with suppress(DeviceTrouble):
        return free_bytes(transport, root)
    return None


def _refuse_damaged(serial: str, item: Item, arrived: Known | None) -> None:
    if arrived is not None and arrived.sha256 == item.sha256:
        return
    if hash_file(item.local) != item.sha256:
        raise BadInput(f"{item.local} is not what its manifest says; make the bundle again")
    raise TransferFailed(f"{serial}: {item.path} arrived damaged; try again")


def _rename(
    transport: Transport, root: str, items: Sequence[Item], arrived: dict[str, Known]
) -> dict[str, Known]:
    """Move verified files to their places; ChangedOnDevice if one changed since it was hashed."""
    files = [f"{item.mode:o}:{item.path}" for item in items]
    argv = ["sh", "-c", _RENAME, "rename", STAT_FORMAT, _PARTIAL, root, *files]
    states = parse_states(transport.shell(argv).checked().text)
    known = {}
    for item in items:
        hashed, state = arrived[item.path + _PARTIAL], states.get(item.path)
        if state is None or _content_key(state) != _content_key(hashed.state):
            raise ChangedOnDevice(f"{transport.serial}: {item.path} changed while it was pushed")
        known[item.path] = Known(state, item.sha256)
    return known


def _content_key(state: FileState) -> tuple[int, int, str]:
    """What renaming and a new mode leave as it was."""
    return state.inode, state.bytes, state.modified


def _account(items: Sequence[Item], missing: Sequence[Item], seconds: float) -> Pushed:
    pushed_bytes = total_bytes(missing)
    return Pushed(
        files=len(missing),
        bytes=pushed_bytes,
        skipped_files=len(items) - len(missing),
        skipped_bytes=total_bytes(items) - pushed_bytes,
        bytes_per_second=round(pushed_bytes / seconds) if missing and seconds > 0 else None,
    )
