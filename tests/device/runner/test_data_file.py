"""Joint .pte files made otherwise: with their weights in a .ptd, and without a delegate."""

import shutil
from pathlib import Path

import pytest

from taskzip.contracts.events import Done
from taskzip.contracts.names import Deployment
from taskzip.device.runner.package import RunnerPackage
from tests.device.runner.exported import exported_models
from tests.device.runner.running import Bench
from tests.device.runner.small_models import TASKS, SmallModels


@pytest.fixture
def bench(runner: RunnerPackage, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    """A working folder with the files that are made in the way that the test names."""
    models = SmallModels(exported_models() / getattr(request, "param", "data_file"))
    return Bench(runner, models, Path(shutil.copytree(models.folder, tmp_path / "work")))


@pytest.mark.parametrize("bench", ["data_file", "no_delegate"], indirect=True)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("deployment", ["joint", "joint-lazy"])
def test_tasks_answer_as_torch_does(bench: Bench, deployment: Deployment, packed: bool) -> None:
    ran = bench.run(bench.models.spec("executorch", deployment, "parity", packed_cache=packed))
    bench.check_joint_answers(ran, TASKS)


def test_a_changed_data_file_never_meets_the_packed_weights_of_another(bench: Bench) -> None:
    spec = bench.models.spec("executorch", "joint", "parity", packed_cache=True)
    for caches in (1, 2):
        assert bench.run(spec).of(Done)
        assert len([*(bench.folder / str(spec.packed_dir)).glob("*.packed")]) == caches
        data = bench.folder / "joint.ptd"
        data.write_bytes(data.read_bytes() + b" ")


@pytest.mark.parametrize("kept", [0, 8, 3000])
def test_a_data_file_that_is_not_whole_is_told(bench: Bench, kept: int) -> None:
    data = bench.folder / "joint.ptd"
    data.write_bytes(data.read_bytes()[:kept])
    failure = bench.run(bench.models.spec("executorch", "joint", "parity")).failure
    assert failure.code in ("open_failed", "load_failed")
