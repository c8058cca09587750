"""What can go wrong, and the exit code that says so::

TaskzipError
├── CheckFailed      1   a parity check or a verdict did not hold
├── BadInput         2   a config, a network, a file or an option cannot be used
└── DeviceTrouble    3   the device, its connection or the runner failed
    └── TransientTrouble   the same call may succeed when tried again
"""


class TaskzipError(Exception):
    """Base of every error whose message is written for the user."""

    exit_code = 1


class CheckFailed(TaskzipError):
    """A check that was asked for did not hold."""

    exit_code = 1


class BadInput(TaskzipError):
    """Something the user gave cannot be used; the message names it and what to try."""

    exit_code = 2


class DeviceTrouble(TaskzipError):
    """The device, the connection to it, or the runner on it failed."""

    exit_code = 3


class TransientTrouble(DeviceTrouble):
    """Device trouble that may pass: the same call can be tried again."""
