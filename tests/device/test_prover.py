"""The prover: its own unit tests, GoogleTest, and how it is built and found again."""

import subprocess
from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.prover.build import SOURCE, build_prover, compile_program
from taskzip.device.runner.errors import RunnerBuildError
from taskzip.device.runner.package import needed_libraries
from taskzip.device.runner.target import toolchain

TESTS = SOURCE.parent / "tests" / "follow_test.cc"


def test_every_unit_test_of_the_prover_passes(tmp_path: Path) -> None:
    program = tmp_path / "prover_tests"
    more = (f"-I{SOURCE}", "-lgtest", "-lgtest_main", "-lpthread")
    compile_program(toolchain("host"), [SOURCE / "follow.cc", TESTS], program, *more)
    done = subprocess.run(
        [program, "--gtest_brief=1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_an_unchanged_prover_is_found_in_the_cache() -> None:
    class NoWork(Silent):
        def step(self, text: str) -> None:
            raise AssertionError(text)

    made = build_prover("host", Silent())
    assert build_prover("host", NoWork()) == made


def test_it_needs_no_library_of_the_device() -> None:
    made = build_prover("aarch64", Silent())
    assert list(needed_libraries(made, toolchain("aarch64"))) == []


def test_what_the_compiler_said_is_shown(tmp_path: Path) -> None:
    (tmp_path / "wrong.cc").write_text("#error wrong\n")
    with pytest.raises(RunnerBuildError, match=r"(?s)libxxhash-dev.*wrong"):
        compile_program(toolchain("host"), [tmp_path / "wrong.cc"], tmp_path / "made")


def test_words_that_are_none_of_its_own_are_refused(tmp_path: Path) -> None:
    program, absent = build_prover("host", Silent()), tmp_path / "absent"
    for words in ([], [tmp_path, "part"], [tmp_path, "part", "%i", "name"], [absent, "part", "%i"]):
        assert subprocess.run([program, *words], capture_output=True, check=False).returncode == 2
