"""What can go wrong with the emulated device.

DeviceTrouble
├── ProgramMissing     a program of this computer is not installed
├── ImageBuildFailed   a step of building the image failed
├── PortInUse          the port that was asked for is taken
├── OtherPort          the device runs already, on another port
└── BootFailed         the machine did not start, or died, or did not answer in time
"""

from taskzip.contracts.errors import DeviceTrouble


class ProgramMissing(DeviceTrouble):
    """A program that the emulated device needs is not installed."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} is not installed, the emulated device needs it: "
            f"sudo apt-get install {package}"
        )
        self.program = program
        self.package = package


class ImageBuildFailed(DeviceTrouble):
    """The image of the emulated device could not be built; nothing of it is kept."""

    def __init__(self, step: str, output: str) -> None:
        super().__init__(f"building the emulated device failed: {step}\n{tail(output)}".rstrip())
        self.step = step


class PortInUse(DeviceTrouble):
    """The port that was asked for cannot be bound on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} on 127.0.0.1 is in use: choose another, or none to take a free one"
        )
        self.port = port


class OtherPort(DeviceTrouble):
    """The device runs already, on another port than the one that was asked for."""

    def __init__(self, port: int, serial: str) -> None:
        super().__init__(
            f"the emulated device runs already at {serial}: "
            f"stop it first (deploy device stop) to start it on port {port}"
        )


class BootFailed(DeviceTrouble):
    """The machine did not come up."""

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(f"the emulated device did not start: {reason}\n{tail(log, 40)}".rstrip())


def tail(text: str, lines: int = 15) -> str:
    """The last lines of an output, for an error message."""
    return "\n".join(text.splitlines()[-lines:])
