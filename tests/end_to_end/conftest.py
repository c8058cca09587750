"""The example, run from end to end once for all tests here, on emulated devices of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskzip.contracts.report import Report

EXAMPLES = Path(__file__).parents[2] / "examples"
DEPLOY = Path(sys.executable).with_name("deploy")
LIMIT_SECONDS = 1200
DIGITS = 'evaluation = "digits_fashion:digits_evaluation"\n'
NAMES = 'input_names = ["image"]\noutput_names = ["scores"]\n'

Deploy = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Job:
    """The example in a folder of the test's own, and what the first run of it said."""

    folder: Path
    first: subprocess.CompletedProcess[str]
    report: Report

    @property
    def out(self) -> Path:
        """Where its results are."""
        return self.folder / "out" / "digits_fashion"


@pytest.fixture(scope="session")
def deploy_in() -> Deploy:
    """Runs `deploy` in a folder."""

    def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DEPLOY, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory, deploy_in: Deploy) -> Iterator[Job]:
    """`deploy zip-and-push digits_fashion.toml --check`, and its devices stopped in the end."""
    folder = tmp_path_factory.mktemp("example") / "with a space"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = folder / "digits_fashion.toml"
    own_devices = f"[device]\nidle_stop_seconds = {1800 + os.getpid()}\n"
    text = config.read_text(encoding="utf-8") + own_devices
    config.write_text(text.replace(DIGITS, DIGITS + NAMES), encoding="utf-8")
    first = deploy_in(folder, "zip-and-push", config.name, "--check", "--json")
    assert first.returncode == 0, f"{first.stdout[-500:]}\n{first.stderr}"
    report = Report.parse(first.stdout, "stdout")
    yield Job(folder, first, report)
    for serial in report.conditions.serial.split(", "):
        deploy_in(folder, "device", "stop", serial)


@pytest.fixture(scope="session")
def deploy_path() -> Path:
    """The console script, for a test that talks to it while it runs."""
    return DEPLOY
