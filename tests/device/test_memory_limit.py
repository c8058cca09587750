"""A run that is held to less memory than the device has."""

from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import RunnerFailed
from taskzip.device.launch import KILLED
from taskzip.device.session import open_session
from taskzip.device.transport.connect import Door
from taskzip.device.transport.local import LocalTransport
from taskzip.device.virtual.state import RunningMachine
from tests.device.conftest import DONE, HELLO, MakePackage, saying

LIMIT_BYTES = 96 << 20


@pytest.fixture
def limited(spec: RunSpec) -> RunSpec:
    return spec.model_copy(update={"memory_limit_bytes": LIMIT_BYTES})


def run(transport, package, bundle_dir: Path, spec: RunSpec, fetched: str = "") -> bytes:
    with open_session(
        transport, package, bundle_dir, keep_pushed=False, progress=Silent()
    ) as session:
        list(session.run(spec))
        return session.fetch(fetched) if fetched else b""


@pytest.mark.device
def test_the_runner_is_in_a_control_group_with_the_limit(
    virtual_machine: RunningMachine, make_package: MakePackage, bundle_dir: Path, limited: RunSpec
) -> None:
    told = 'mkdir -p runs && read -r group </proc/self/cgroup && cp "/sys/fs/cgroup/${group#0::}/'
    package = make_package(f'{told}memory.max" runs/limit\n{saying(HELLO, DONE)}')
    transport = Door().open_tcp("127.0.0.1", virtual_machine.port)
    for _ in range(2):
        content = run(transport, package, bundle_dir, limited, "runs/limit")
        assert int(content) == LIMIT_BYTES
    transport.close()


@pytest.mark.skipif(
    Path("/sys/fs/cgroup/cgroup.controllers").exists(), reason="this computer may set the limit"
)
def test_a_limit_that_cannot_be_set_is_told_and_nothing_runs(
    local: LocalTransport, make_package: MakePackage, bundle_dir: Path, limited: RunSpec
) -> None:
    package = make_package(saying(HELLO, DONE))
    with pytest.raises(RunnerFailed, match="takes root and cgroup2") as failed:
        run(local, package, bundle_dir, limited)
    assert failed.value.code == "no_memory_limit"


def test_a_runner_that_was_killed_is_told_from_one_that_broke_off(
    local: LocalTransport, make_package: MakePackage, bundle_dir: Path, spec: RunSpec
) -> None:
    for ending, code in (("kill -9 $$", KILLED), ("exit 3", None)):
        with pytest.raises(RunnerFailed) as failed:
            run(local, make_package(f"{saying(HELLO)}\n{ending}"), bundle_dir, spec)
        assert failed.value.code == code
