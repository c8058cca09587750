"""A session from its beginning to its end, with a fault somewhere, and how it ended."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from taskzip.contracts.errors import TaskzipError
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.session import Session, open_session
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual.state import RunningMachine
from tests.device.conftest import DONE, HELLO, MakePackage, saying, write_bundle
from tests.device.faults.table import HEADER, PAGE, Row, read_rows, with_rows

OUTPUT_BYTES = 500_000
MODEL_BYTES = 2_000_000
OUTPUT = {
    "kind": "output", "task": "a", "name": "y", "file": "runs/one/a.out0.bin",
    "bytes": OUTPUT_BYTES,
}  # fmt: skip
WRITE_OUTPUT = f"mkdir -p runs/one && head -c {OUTPUT_BYTES} /dev/zero >{OUTPUT['file']}"
WHOLE_RUN = f"{saying(HELLO)}\nsleep 0.1\n{WRITE_OUTPUT}\n{saying(OUTPUT, DONE)}"
GONE_WITHIN_S = 20.0

_ROWS: dict[str, Row] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write docs/faults.md")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--write-faults") and _ROWS:
        before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEADER
        PAGE.write_text(with_rows(before, _ROWS), encoding="utf-8")


@dataclass(frozen=True)
class Scene:
    """What a session needs, and the page that says how it ends."""

    package: RunnerPackage
    bundle_dir: Path
    spec: RunSpec
    is_writing: bool
    lock_wait_s: float = GONE_WITHIN_S

    def run(
        self, transport: Transport, meanwhile: Callable[[Session], None] = lambda _: None
    ) -> TaskzipError | None:
        """Push, run and fetch; the error with which that ended."""
        try:
            with open_session(
                transport,
                self.package,
                self.bundle_dir,
                keep_pushed=False,
                progress=Silent(),
                lock_wait_s=self.lock_wait_s,
                silence_s=GONE_WITHIN_S,
            ) as session:
                meanwhile(session)
                for event in session.run(self.spec):
                    if event.kind == "output":
                        session.fetch(event.file)
        except TaskzipError as error:
            return error
        return None

    def check(self, fault: str, error: BaseException | None) -> None:
        """The session ended as the page says; a failing one with exit code 3."""
        row = Row.of(fault, error)
        assert row.exit_code in (0, 3), error
        self.check_row(row)

    def check_row(self, row: Row) -> None:
        """The page says the same."""
        _ROWS[row.fault] = row
        if not self.is_writing:
            assert read_rows(PAGE.read_text(encoding="utf-8")).get(row.fault) == row


@pytest.fixture
def prover_program() -> Path | None:
    """What proves on the device; without it the device hashes by its own programs."""
    return None


@pytest.fixture
def make_scene(
    tmp_path: Path,
    make_package: MakePackage,
    spec: RunSpec,
    prover_program: Path | None,
    request: pytest.FixtureRequest,
) -> Callable[..., Scene]:
    """Makes a scene whose runner says such things."""
    folder = tmp_path / "bundle"
    write_bundle(folder, {"litert/joint.tflite": bytes(MODEL_BYTES)})

    def make(runner: str = WHOLE_RUN, **options: object) -> Scene:
        is_writing = request.config.getoption("--write-faults")
        package = replace(make_package(runner, **options), prover=prover_program)
        return Scene(package, folder, spec, is_writing)

    return make


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    """With a runner that does all that it should."""
    return make_scene()


@pytest.fixture
def straight(virtual_machine: RunningMachine, tmp_path: Path) -> Iterator[Transport]:
    """A sound connection to the emulated device, where nothing is left afterwards."""
    transport = Door(Patience(20.0), tmp_path).open_tcp("127.0.0.1", virtual_machine.port)
    try:
        yield transport
        check_nothing_left(transport)
    finally:
        transport.close()


def check_nothing_left(transport: Transport) -> None:
    """No file of ours is on the device and no runner runs; adbd may need a moment to notice."""
    limit = time.monotonic() + GONE_WITHIN_S
    script = 'find "$1" -mindepth 1; ps -ef | grep "[t]askzip-runner"; exit 0'
    argv = ["sh", "-c", script, "left", transport.base]
    while left := transport.shell(argv).checked().text:
        assert time.monotonic() < limit, left
        time.sleep(0.2)
