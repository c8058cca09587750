"""Our push beside the platform's `adb push`: `python -m taskzip.benchmarks.push_rate`.

The same files go to the same emulated device in turns, by each into an empty folder; who begins
changes from round to round, because what was written before makes a difference. `adb push` ends
when the device's memory has them. Ours has verified them and put them in their places then,
and goes on until all is on the flash: both moments are shown, and what `adb push` leaves to do, to
write the files to the flash and to hash them there. Sending alone is shown too, and reading and
hashing alone: no push is sooner than the one, and where all processors are busy none that verifies
is sooner than both. So the emulator's processor time is shown beside.
"""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.errors_told import errors_told
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Bytes, Clock, Count
from taskzip.contracts.progress import Silent
from taskzip.device.manifest import Item, prover_item
from taskzip.device.places import home
from taskzip.device.proofs import new_token, proving
from taskzip.device.prover.build import build_prover
from taskzip.device.push import push_items
from taskzip.device.select import open_device, resolve
from taskzip.device.send import Send
from taskzip.device.store import Store
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual import machine
from taskzip.device.virtual.endpoint import free_port
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.profiles import find_profile, user_profiles
from taskzip.device.virtual.programs import find_program
from taskzip.device.virtual.state import RunningMachine

LIMIT_SECONDS = 600
_DISK_FILES = 3
"""The disk holds the files this many times."""
_DISK_MIB = 256
_MIB = 1 << 20
_SAID_CHARS = 400


class PushRates(Document):
    """Seconds of each round."""

    bytes: Bytes
    files: Count
    clock: Clock
    memory_mib: Count
    vcpus: Count
    in_place_s: tuple[float, ...]
    """Ours, until all was verified and in place …"""
    ours_s: tuple[float, ...]
    """… and until it was on the flash too."""
    unchanged_s: tuple[float, ...]
    """Ours again, all of it being there."""
    sent_s: tuple[float, ...]
    """The files sent by our transport, and nothing else."""
    sent_processor_s: tuple[float, ...]
    """What that took of the host's processors inside the emulator, as the two others below."""
    proof_s: tuple[float, ...]
    """The sent files read, hashed and named by the prover, which is started for it."""
    proof_processor_s: tuple[float, ...]
    adb_s: tuple[float, ...]
    adb_processor_s: tuple[float, ...]
    flash_s: tuple[float, ...]
    """What `adb push` leaves to do: writing the files to the flash …"""
    hash_s: tuple[float, ...]
    """… and hashing them there."""
    command_s: tuple[float, ...]
    """A command that does nothing, as each of the four of a push costs at least."""

    @property
    def ratio(self) -> float:
        """Our rate to that of `adb push`, of the medians, until all is in place."""
        return median(self.adb_s) / median(self.in_place_s)

    @property
    def sent_ratio(self) -> float:
        """Our sending's rate to that of `adb push`, which ends alike: unverified, in memory."""
        return median(self.adb_s) / median(self.sent_s)

    @property
    def hashed_ratio(self) -> float:
        """The rate of sending and then hashing, and of no command, to that of `adb push`."""
        whole = map(sum, zip(self.sent_s, self.proof_s, strict=True))
        return median(self.adb_s) / median(whole)

    @property
    def same_work_ratio(self) -> float:
        """Our rate to that of `adb push` with what it leaves to do, until all is on the flash."""
        whole = map(sum, zip(self.adb_s, self.flash_s, self.hash_s, strict=True))
        return median(whole) / median(self.ours_s)


def measure(mib: int, files: int, rounds: int, like: Profile) -> PushRates:
    """Push `files` files of random bytes, `mib` MiB together, by both ways in turns, to a device
    that is `like` the profile but for the size of its disk.
    """
    disk_mib = _DISK_FILES * mib + _DISK_MIB
    profile = like.model_copy(update={"disk_mib": disk_mib, "label": "push-rate"})
    with tempfile.TemporaryDirectory() as place, _running(profile) as device:
        items = [_item(Path(place), number, mib * _MIB // files) for number in range(files)]
        target = resolve(device.serial, profile)
        with open_device(target, Silent()) as transport, _adb(Path(place), device.serial) as adb:
            prover = prover_item(build_prover("aarch64", Silent()))
            bench = _Bench(transport, items, prover, adb, device.pid)
            turns = [bench.turn(number) for number in range(rounds)]
    return PushRates(
        bytes=sum(item.bytes for item in items),
        files=files,
        clock=profile.clock,
        memory_mib=profile.memory_mib,
        vcpus=profile.vcpus,
        **{name: tuple(turn[name] for turn in turns) for name in turns[0]},
    )


@dataclass(frozen=True)
class _Bench:
    transport: Transport
    items: Sequence[Item]
    prover: Item
    adb: Callable[..., None]
    pid: int

    def turn(self, number: int) -> dict[str, float]:
        """Seconds of a round; who begins depends on its number."""
        ways = [self._ours, self._sent, self._theirs]
        first = number % len(ways)
        taken = [(name, s) for way in ways[first:] + ways[:first] for name, s in way().items()]
        return {**dict(taken), "command_s": _seconds(lambda: self._run(":"))}

    def _ours(self) -> dict[str, float]:
        """Ours, and again when all is there."""
        (in_place, ours), (_, unchanged) = self._push(), self._push()
        self._remove(home(self.transport))
        return {"in_place_s": in_place, "ours_s": ours, "unchanged_s": unchanged}

    def _sent(self) -> dict[str, float]:
        """Sending alone, then hashing alone."""
        target = f"{self.transport.base}/pushed"
        taken = self._send_and_prove(Store(self.transport, target))
        self._remove(target)
        return taken

    def _theirs(self) -> dict[str, float]:
        """`adb push`, and what that leaves to do."""
        target = f"{self.transport.base}/pushed"
        self.transport.shell(["mkdir", target]).checked()
        adb = self._timed(
            "adb", lambda: self.adb("push", *(item.local for item in self.items), target)
        )
        flash = _seconds(lambda: self._run("sync"))
        hashing = _seconds(lambda: self._run('cd "$1" && sha256sum *', target))
        self._remove(target)
        return {**adb, "flash_s": flash, "hash_s": hashing}

    def _push(self) -> tuple[float, float]:
        """Until all was verified and in place, and until the end."""
        at, began = home(self.transport), monotonic()
        placed = push_items(self.transport, at, self.items, Silent(), prover=self.prover)
        return placed.verified_at - began, monotonic() - began

    def _send_and_prove(self, store: Store) -> dict[str, float]:
        """Sending, then reading and hashing, with the prover there already."""
        token, program = new_token(), f"{store.folder}/{self.prover.sha256}"
        self.transport.push(self.prover.local, program)
        self._run('chmod 755 "$1"', program)
        sent = self._timed("sent", lambda: self._send(store.folder, token))
        return {**sent, **self._timed("proof", lambda: self._prove(store, token))}

    def _send(self, folder: str, token: str) -> None:
        for item in self.items:
            self.transport.push(item.local, f"{folder}/{item.sha256}.{token}")

    def _prove(self, store: Store, token: str) -> None:
        with proving(store, self.prover.sha256, list(map(Send, self.items)), token) as proofs:
            if not proofs.ready():
                raise BadInput("the prover does not run on the emulated device")
            proofs.proofs(len(self.items))

    def _timed(self, name: str, work: Callable[[], None]) -> dict[str, float]:
        """Its seconds, and those of the emulator's processor time."""
        before = _processor_s(self.pid)
        seconds = _seconds(work)
        return {f"{name}_s": seconds, f"{name}_processor_s": _processor_s(self.pid) - before}

    def _remove(self, folder: str) -> None:
        self._run('rm -rf "$1" && sync', folder)

    def _run(self, script: str, *words: str) -> None:
        self.transport.shell(["sh", "-c", script, "bench", *words], LIMIT_SECONDS).checked()


def _seconds(work: Callable[[], None]) -> float:
    began = monotonic()
    work()
    return monotonic() - began


def _processor_s(pid: int) -> float:
    """Processor time that a process has taken, of Linux's `/proc/PID/stat`: utime and stime."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _item(folder: Path, number: int, size: int) -> Item:
    content = os.urandom(size)
    local = folder / f"file{number}"
    local.write_bytes(content)
    return Item(local, f"bundle/file{number}", size, hashlib.sha256(content).hexdigest())


@contextmanager
def _running(profile: Profile) -> Iterator[RunningMachine]:
    device = machine.start(profile, Silent())
    try:
        yield device
    finally:
        machine.stop(device, Silent())


@contextmanager
def _adb(folder: Path, serial: str) -> Iterator[Callable[..., None]]:
    """`adb` with a server, a key and a port of its own: a user's is not touched."""
    program = find_program("adb")
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ANDROID_ADB_SERVER_PORT": str(free_port()),
    }

    def run(*words: object) -> None:
        done = subprocess.run(
            [program, *map(str, words)],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-_SAID_CHARS:]
            raise BadInput(f"adb ended with {done.returncode}: {said}")

    run("connect", serial)
    try:
        yield lambda *words: run("-s", serial, *words)
    finally:
        run("kill-server")


def render(rates: PushRates) -> Table:
    """Medians: seconds, the rate of those that move all bytes, and processor time."""
    table = Table("", "s", "MiB/s", "processor s")
    mib = rates.bytes / _MIB
    rows = {
        "push: sent, verified, in place": rates.in_place_s,
        "… and on the flash": rates.ours_s,
        "only sent": rates.sent_s,
        "… then only read and hashed there": rates.proof_s,
        "adb push: sent": rates.adb_s,
        "… then sync there": rates.flash_s,
        "… then sha256sum there": rates.hash_s,
        "push of what is there already": rates.unchanged_s,
        "a command that does nothing": rates.command_s,
    }
    moving = (rates.in_place_s, rates.ours_s, rates.sent_s, rates.adb_s)
    busy = {
        rates.sent_s: rates.sent_processor_s,
        rates.proof_s: rates.proof_processor_s,
        rates.adb_s: rates.adb_processor_s,
    }
    for name, seconds in rows.items():
        rate = f"{mib / median(seconds):.0f}" if seconds in moving else ""
        processor = f"{median(busy[seconds]):.2f}" if seconds in busy else ""
        table.add_row(name, f"{median(seconds):.2f}", rate, processor)
    table.caption = (
        f"{mib:.0f} MiB in {rates.files} files, emulated device, {rates.clock} clock, "
        f"{rates.vcpus} vCPU, {rates.memory_mib} MiB of memory; "
        f"medians of {len(rates.ours_s)} rounds in turns; "
        f"rates to adb push: only sent {rates.sent_ratio:.2f}, "
        f"then hashed {rates.hashed_ratio:.2f}, in place {rates.ratio:.2f}; "
        f"on the flash, to adb push with sync and sha256sum: {rates.same_work_ratio:.2f}"
    )
    return table


def main(  # noqa: PLR0913, PLR0917  # each is an option
    mib: Annotated[int, typer.Option(min=1, help="All files together.")] = 256,
    files: Annotated[int, typer.Option(min=1)] = 4,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    profile: Annotated[
        str, typer.Option(help="Of the emulated device: `deploy device profiles`.")
    ] = "default",
    clock: Annotated[Clock | None, typer.Option(help="Another than the profile's.")] = None,
    memory_mib: Annotated[
        int | None,
        typer.Option(min=128, help="Another than the profile's; little of it holds a push up."),
    ] = None,
    min_ratio: Annotated[
        float | None, typer.Option(help="End with 1 below this: our rate / that of adb push.")
    ] = None,
    max_unchanged_s: Annotated[
        float | None, typer.Option(help="End with 1 where a push of the same takes longer.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Compare the harness's push with `adb push` on the emulated device."""
    with errors_told():
        like = find_profile(profile, user_profiles())
        given = {"clock": clock, "memory_mib": memory_mib}
        update = {name: value for name, value in given.items() if value is not None}
        rates = measure(mib, files, rounds, like.model_copy(update=update))
    Console().print(render(rates))
    if json_file is not None:
        rates.write(json_file)
    is_slow = min_ratio is not None and rates.ratio < min_ratio
    is_late = max_unchanged_s is not None and median(rates.unchanged_s) > max_unchanged_s
    if is_slow or is_late:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
