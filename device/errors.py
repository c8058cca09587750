"""What can go wrong in this room::

DeviceTrouble
├── NotAnswering*      no connection, or nobody speaks ADB at its other end
│   └── UsbOccupied*   another program holds the phone's USB interface
├── ConnectionLost*    the connection went away while it was in use
├── TookTooLong*       a command or a transfer was silent for longer than allowed
├── KeyRefused         the device does not accept this computer's ADB key
├── CommandFailed      a command on the device ended with another exit code than 0
├── TransferFailed     a file could not be pushed or pulled
├── DeviceFull         the device lacks space
├── DeviceHeld*        another session uses the device
├── LockLost           another session took the device over
├── Mismatch           runner and harness speak different versions of the contract
├── ChangedOnDevice    a pushed file is not what was pushed
├── RunnerFailed       the runner reported a failure, broke off, or wrote what nobody can read
├── NotRecorded        a recorded device was asked what its recording does not answer
└── ParseTrouble       a device said something that cannot be understood
BadInput
└── NoSuchDevice       `--device` names none, or several

\\* TransientTrouble: the same call can be tried again.
"""

from collections.abc import Sequence

from taskzip.contracts.errors import BadInput, DeviceTrouble, TransientTrouble
from taskzip.device.parse.text import printable

STDERR_TAIL_CHARS = 800
_SCRIPT_NAME = 3


class NotAnswering(TransientTrouble):
    """Nothing that speaks ADB answered within the time allowed."""


class UsbOccupied(NotAnswering):
    """Another program, an adb server most likely, holds the phone's USB interface."""


class ConnectionLost(TransientTrouble):
    """The connection broke; what was being done may or may not have happened."""


class TookTooLong(TransientTrouble):
    """The device stayed silent for longer than allowed."""


class KeyRefused(DeviceTrouble):
    """The device asked for a key and did not accept ours."""


class CommandFailed(DeviceTrouble):
    """A command's exit code was not 0; its parts are fields. Ours is 3, whatever the command's."""

    def __init__(self, serial: str, argv: Sequence[str], exit_code: int, stderr: str) -> None:
        self.serial, self.argv, self.stderr = serial, tuple(argv), stderr
        self.command_exit_code = exit_code
        said = printable(stderr.strip()[-STDERR_TAIL_CHARS:], STDERR_TAIL_CHARS) or "nothing"
        super().__init__(
            f"{serial}: `{name_of(argv)}` ended with exit code {exit_code} and said: {said}"
        )


class TransferFailed(DeviceTrouble):
    """The device refused to take or to give a file."""


class DeviceFull(DeviceTrouble):
    """What is to be pushed does not fit."""

    def __init__(self, serial: str, folder: str, needed_bytes: int, available_bytes: int) -> None:
        self.needed_bytes, self.available_bytes = needed_bytes, available_bytes
        super().__init__(
            f"{serial}: {folder} has {_mib(available_bytes)} MiB free, "
            f"{_mib(needed_bytes)} MiB are needed; free some space and try again"
        )


class DeviceHeld(TransientTrouble):
    """Another session holds the device; the message says which."""


class LockLost(DeviceTrouble):
    """The device was locked by this session and is another's now."""


class Mismatch(DeviceTrouble):
    """The runner speaks another version of the contract than this harness."""


class ChangedOnDevice(DeviceTrouble):
    """A file on the device was changed after it was pushed and verified."""


class RunnerFailed(DeviceTrouble):
    """The runner did not finish what it was asked; `code` is its own word for why."""

    def __init__(self, message: str, code: str | None = None) -> None:
        self.code = code
        super().__init__(message)


class NotRecorded(DeviceTrouble):
    """A recorded device is asked something else, or in another order, than it once was."""


class ParseTrouble(DeviceTrouble):
    """Text from a device does not have the form it should have."""


class NoSuchDevice(BadInput):
    """The device that was asked for is not there, or it is not clear which one is meant."""


def name_of(argv: Sequence[str], limit: int = 160) -> str:
    """A command as messages show it: a script by its name, `sh -c SCRIPT NAME`."""
    is_named = tuple(argv[:2]) == ("sh", "-c") and len(argv) > _SCRIPT_NAME
    text = argv[_SCRIPT_NAME] if is_named else " ".join(argv).replace("\n", " ")
    return text if len(text) <= limit else f"{text[:limit]}…"


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f}"
