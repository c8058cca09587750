"""What the runner says about itself, and what it was built from."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from taskzip.contracts.events import Hello
from taskzip.contracts.names import CONTRACT_VERSION, RUNTIMES, Runtime
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.runner.wheels import REQUIREMENTS, runtime_releases
from tests.device.runner.running import Bench


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_probe_says_what_a_run_would_begin_with(bench: Bench, runtime: Runtime) -> None:
    (hello,) = bench.run_words("--probe", runtime).of(Hello)
    runner = bench.package
    assert hello.runtime == runtime
    assert hello.runner_version == runner.version
    assert hello.runtime_version == runner.runtime_versions[runtime]


def test_the_version_needs_no_runtime(runner: RunnerPackage) -> None:
    command = [*runner.command(str(runner.folder)), "--version"]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert said == {"contract": CONTRACT_VERSION, "runner_version": runner.version}


def test_the_runtimes_are_the_files_that_the_lock_file_names() -> None:
    pinned = set(re.findall(r"sha256:([0-9a-f]{64})", REQUIREMENTS.read_text()))
    locked = (Path(__file__).parents[3] / "uv.lock").read_text()
    assert len(pinned) == 4
    assert {sha256 for sha256 in pinned if f"sha256:{sha256}" in locked} == pinned
    for package, release in (
        ("executorch", runtime_releases()["executorch"]),
        ("ai-edge-litert", runtime_releases()["litert"]),
    ):
        assert f'name = "{package}"\nversion = "{release}"' in locked
