"""QEMU's machine protocol over a Unix socket: one JSON document a line, each way."""

import json
import socket
from pathlib import Path
from typing import Any

from taskzip.device.virtual.errors import BootFailed

_LIMIT_S = 60.0


class Qmp:
    """A connection to a running QEMU; BootFailed with its words when it refuses."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_LIMIT_S)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._read()  # its greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:
        """What the command returns; events that come meanwhile are passed over."""
        asked = json.dumps({"execute": command, "arguments": arguments})
        self._socket.sendall(asked.encode() + b"\n")
        while True:
            answer = self._read()
            if "error" in answer:
                raise BootFailed(f"QEMU refused {command}", str(answer["error"].get("desc")))
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise BootFailed("QEMU closed its protocol's connection", "")
        answer: dict[str, Any] = json.loads(line)
        return answer
