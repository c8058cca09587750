"""Exit code and standard error through a channel that has neither.

ADB's plain shell service is one stream of bytes that ends when the command does. The command is
wrapped so that the stream reads `STDOUT MARK:CODE: STDERR KRAM.`, where MARK and KRAM are made of
random halves that the wrapper's own text keeps apart: no output can contain them by accident, not
even that of `ps`, which shows the wrapper.
"""

import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass


class BrokenTrailer(ValueError):
    """The stream ended before the command's exit code was told."""


@dataclass(frozen=True)
class Wrapped:
    """A command line for the device's shell, and what will stand behind its output."""

    command: str
    mark: bytes
    end: bytes

    def split(self, stream: bytes) -> tuple[bytes, int, bytes]:
        """Standard output, exit code and the tail of standard error; BrokenTrailer without them."""
        stdout, found, rest = stream.partition(self.mark)
        match = re.fullmatch(
            rb":(\d{1,3}):\n(.*)" + re.escape(self.end) + rb"\.\n", rest, flags=re.DOTALL
        )
        if not found or match is None:
            raise BrokenTrailer("no exit code at the end of the stream")
        return stdout, int(match[1]), match[2]


def wrap(argv: Sequence[str]) -> Wrapped:
    """The wrapped command; its standard input is empty, standard error loses trailing newlines.

    Standard error is caught in a variable while file descriptor 3 carries standard output past
    it: no further program is started, and the three parts keep their order. When the connection
    ends, the system hangs up on the shell alone, which would first wait for the command; so the
    shell only waits, where a trap interrupts it, and takes the whole process group with it.
    """
    if not argv:
        raise ValueError("a command needs at least one word")
    head, tail = secrets.token_hex(8), secrets.token_hex(8)
    command = (
        f"trap 'kill -9 0' HUP; {{ e=$({{ {shlex.join(argv)} </dev/null; }} 2>&1 >&3 3>&-); "
        f"echo '{head}''{tail}:'$?':'; "
        f"[ -z \"$e\" ] || printf %s \"$e\"; echo '{tail}''{head}.'; }} 3>&1 & wait"
    )
    return Wrapped(command, f"{head}{tail}".encode(), f"{tail}{head}".encode())
