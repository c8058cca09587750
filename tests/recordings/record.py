"""Record what a device says to the commands that `device/parse/` reads.

Run as `python tests/recordings/record.py HOST:PORT NAME`; writes `NAME.<command>.txt` here.
"""

import sys
from pathlib import Path

from taskzip.device.parse.files import STAT_FORMAT
from taskzip.device.transport.connect import Door

COMMANDS = {
    "getprop": ["getprop"],
    "meminfo": ["cat", "/proc/meminfo"],
    "df": ["df", "-k", "/data/local/tmp"],
    "stat": ["stat", "-c", STAT_FORMAT, "--", "/data/local/tmp", "/system/bin/sh"],
    "sha256sum": ["sha256sum", "--", "/proc/version"],
}


def record(device: str, name: str) -> None:
    """Write one file for each command."""
    host, _, port = device.rpartition(":")
    transport = Door().open_tcp(host, int(port))
    for command, argv in COMMANDS.items():
        done = transport.shell(argv)
        (Path(__file__).parent / f"{name}.{command}.txt").write_bytes(done.stdout)
    transport.close()


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2])
