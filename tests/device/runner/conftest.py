"""The runner for this computer, built once, and small models for it, exported once."""

import shutil
from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.runner.build import build_runner
from taskzip.device.runner.package import RunnerPackage
from tests.device.runner.running import Bench
from tests.device.runner.small_models import SmallModels, small_models


@pytest.fixture(scope="session")
def runner() -> RunnerPackage:
    """The runner that runs on this computer."""
    return build_runner("host", Silent())


@pytest.fixture(scope="session")
def models() -> SmallModels:
    """Two tasks as one joint file and as two separate ones, for both runtimes."""
    return small_models()


@pytest.fixture
def bench(runner: RunnerPackage, models: SmallModels, tmp_path: Path) -> Bench:
    """The runner and the models in a working folder of the test's own."""
    return Bench(runner, models, Path(shutil.copytree(models.folder, tmp_path / "work")))
