"""Starting the runner on the device, and reading what it says as data that nobody vouches for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from taskzip.contracts.document import describe
from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.events import EVENT, Done, Event, Failure, Hello
from taskzip.contracts.names import CONTRACT_VERSION
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import ChangedOnDevice, Mismatch, RunnerFailed
from taskzip.device.lock import Lock, lock_lost
from taskzip.device.lock_scripts import BEAT, HELD_TEST
from taskzip.device.memory_limit import LIMIT_MEMORY
from taskzip.device.parse.fields import shown
from taskzip.device.parse.files import STAT_FORMAT, FileState
from taskzip.device.parse.text import printable
from taskzip.device.transport.protocol import Completed, LineStream

_STDERR_TAIL_CHARS = 800
_KILLED = 137
_NOT_EXECUTABLE = 126
KILLED = "killed"
"""The code of a RunnerFailed whose runner was ended by SIGKILL, as for lack of memory."""
_CHANGED = "changed_on_device"
_LOCK_LOST = "lock_lost"
_CONTRACT_MISMATCH = "contract_mismatch"

# The session must still hold the device, and gives a sign of life. The pushed files, whose names
# have no white space, are compared with their states; then the shell becomes the runner, so that
# `.pid` is the runner's own pid before it says a word. Beside ballast it is the system's first
# choice to be ended for lack of memory.
_RUN = (
    r"""
lock=$1 holder=$2 lease=$3 root=$4 format=$5 files=$6 expected=$7 spec=$8 limit=$9
shift 9
HELD_TEST || {
    echo '{"kind":"failure","code":"lock_lost","message":"the device is locked by another session"}'
    exit 1
}
BEAT
cd "$root" || exit
set -f
[ "$(stat -L -c "$format" -- $files 2>/dev/null)" = "$expected" ] || {
    echo '{"kind":"failure","code":"changed_on_device","message":"a pushed file was changed"}'
    exit 1
}
LIMIT_MEMORY
[ ! -e .ballast ] || { echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
printf %s "$spec" >.spec.json && echo $$ >.pid || exit
exec "$@" .spec.json
""".replace("HELD_TEST", HELD_TEST)
    .replace("BEAT", BEAT)
    .replace("LIMIT_MEMORY", LIMIT_MEMORY)
)

_BALLAST = r"""
lock=$1 holder=$2 root=$4
shift 4
HELD_TEST || { echo "the device is locked by another session"; exit 1; }
cd "$root" && echo $$ >.ballast && exec "$@"
""".replace("HELD_TEST", HELD_TEST)


@dataclass(frozen=True)
class Launcher:
    """How the runner is started in the working folder, under the lock: `command` is relative."""

    lock: Lock
    root: str
    command: Sequence[str]

    def run_argv(self, spec: RunSpec, files: Mapping[str, FileState]) -> Sequence[str]:
        """Run one RunSpec, if the pushed files are still in these states."""
        expected = "\n".join(state.line for state in files.values())
        limit = str(spec.memory_limit_bytes or "")
        asked = (STAT_FORMAT, "\n".join(files), expected, spec.model_dump_json(), limit)
        return ("sh", "-c", _RUN, "run", *self.lock.words, self.root, *asked, *self.command)

    def ballast_argv(self, mebibytes: int) -> Sequence[str]:
        """Hold memory until the stream ends."""
        words = (*self.lock.words, self.root, *self.command, "--ballast", str(mebibytes))
        return ("sh", "-c", _BALLAST, "ballast", *words)

    def version_argv(self) -> Sequence[str]:
        """Ask the runner for its versions."""
        in_root = 'cd "$1" && shift && exec "$@" --version'
        return ("sh", "-c", in_root, "version", self.root, *self.command)


def check_version(completed: Completed) -> str:
    """The runner's version; Mismatch when it speaks another contract, and names both."""
    serial = completed.serial
    if completed.exit_code != 0:
        is_foreign = completed.exit_code == _NOT_EXECUTABLE
        why = ": it is not for this device's processor" if is_foreign else ""
        raise RunnerFailed(f"{serial}: the runner does not start{why} ({_ending(completed)})")
    try:
        said = json.loads(completed.stdout)
        contract, version = int(said["contract"]), str(said["runner_version"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise RunnerFailed(
            f"{serial}: the runner should tell its version, it says {shown(completed.text)}"
        ) from error
    _check_contract(serial, contract, version)
    return version


def checked_events(serial: str, stream: LineStream, spec: RunSpec) -> Iterator[Event]:
    """The runner's events as they come; the last one is `done`.

    Raises RunnerFailed when it fails, breaks off, or says what is no event; ChangedOnDevice when
    a pushed file is not what was pushed; Mismatch on another contract. A `failure` event is
    passed on before its error.
    """
    last: Event | None = None
    for line in stream:
        event = parse_event(serial, line)
        _check_order(serial, last, event, spec)
        last = event
        yield event
    if isinstance(last, Failure):
        raise _failure(serial, last, stream.completed)
    completed = stream.completed
    if not isinstance(last, Done) or completed is None or completed.exit_code != 0:
        was_killed = completed is not None and completed.exit_code == _KILLED
        raise RunnerFailed(
            f"{serial}: the runner broke off in run {spec.run} "
            f"after {'no event' if last is None else f'`{last.kind}`'} ({_ending(completed)})",
            KILLED if was_killed else None,
        )


def parse_event(serial: str, line: bytes) -> Event:
    """One line as an event; RunnerFailed shows a line that is none."""
    try:
        return EVENT.validate_json(line)
    except ValidationError as error:
        _check_contract_of(serial, line)
        text = shown(line.decode(errors="replace"))
        raise RunnerFailed(
            f"{serial}: the runner wrote a line that is no event: {text} ({describe(error)})"
        ) from error


def _check_order(serial: str, last: Event | None, event: Event, spec: RunSpec) -> None:
    if isinstance(last, Done | Failure):
        raise RunnerFailed(f"{serial}: the runner said `{event.kind}` after `{last.kind}`")
    if isinstance(event, Hello) != (last is None) and not isinstance(event, Failure):
        raise RunnerFailed(
            f"{serial}: the runner's first event, and no other, should be `hello`; "
            f"it said `{event.kind}` after {'nothing' if last is None else f'`{last.kind}`'}"
        )
    if isinstance(event, Hello):
        _check_contract(serial, event.contract, event.runner_version)
        if event.runtime != spec.runtime:
            raise RunnerFailed(
                f"{serial}: the runner runs {event.runtime}, it was asked for {spec.runtime}"
            )


def _check_contract(serial: str, contract: int, version: str) -> None:
    if contract != CONTRACT_VERSION:
        raise Mismatch(
            f"{serial}: the runner (version {printable(version)}) speaks contract {contract}, "
            f"this harness speaks contract {CONTRACT_VERSION}; build the runner of this version "
            f"again"
        )


def _check_contract_of(serial: str, line: bytes) -> None:
    """Tell another version's hello, which need not fit our schema, from garbage."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return
    if isinstance(said, dict) and said.get("kind") == "hello":
        contract = said.get("contract")
        if isinstance(contract, int):
            _check_contract(serial, contract, str(said.get("runner_version", "unknown")))


def _failure(serial: str, event: Failure, completed: Completed | None) -> DeviceTrouble:
    if event.code == _CHANGED:
        return ChangedOnDevice(
            f"{serial}: a file was changed on the device after it was pushed and verified; "
            f"run again, which pushes it anew"
        )
    if event.code == _LOCK_LOST:
        return lock_lost(serial)
    said = printable(event.message, _STDERR_TAIL_CHARS)
    if event.code == _CONTRACT_MISMATCH:
        return Mismatch(f"{serial}: {said}")
    message = f"{serial}: the runner failed: {printable(event.code)}: {said}"
    stderr = _tail(completed)
    return RunnerFailed(f"{message}; it also said: {stderr}" if stderr else message, event.code)


def _ending(completed: Completed | None) -> str:
    if completed is None:
        return "its output was not read to the end"
    why = ", killed: too little memory?" if completed.exit_code == _KILLED else ""
    return f"exit code {completed.exit_code}{why}; it said: {_tail(completed) or 'nothing'}"


def _tail(completed: Completed | None) -> str:
    said = "" if completed is None else completed.stderr_text.strip()[-_STDERR_TAIL_CHARS:]
    return printable(said, _STDERR_TAIL_CHARS)
