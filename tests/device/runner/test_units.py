"""The runner's own unit tests, GoogleTest, built and run here."""

import subprocess
from pathlib import Path

from taskzip.contracts.paths import cache_dir
from taskzip.contracts.progress import Silent
from taskzip.device.runner.compile import Build
from taskzip.device.runner.target import toolchain
from taskzip.device.runner.wheels import fetch_runtimes


def test_every_unit_test_of_the_runner_passes(tmp_path: Path) -> None:
    host = toolchain("host")
    folder = cache_dir() / "runner-unit-tests"  # kept: only what changed is compiled again
    build = Build(host, fetch_runtimes(host.machine, Silent()), folder, "test")
    build.configure("-DTASKZIP_TESTS=ON")
    build.compile("runner_tests")
    done = subprocess.run(
        [folder / "runner_tests", "--gtest_brief=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
