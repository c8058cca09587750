"""How the runner is built, packaged, and found again."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from taskzip.contracts.paths import cache_dir
from taskzip.contracts.progress import Silent
from taskzip.device.runner.build import build_runner
from taskzip.device.runner.compile import Build, require_compiler
from taskzip.device.runner.errors import RunnerBuildError
from taskzip.device.runner.package import RunnerPackage, needed_libraries
from taskzip.device.runner.target import toolchain


def test_an_unchanged_runner_is_found_in_the_cache(runner: RunnerPackage) -> None:
    class NoWork(Silent):
        def step(self, text: str) -> None:
            raise AssertionError(text)

    assert build_runner("host", NoWork()) == runner


def test_the_package_lists_exactly_what_its_folder_holds(runner: RunnerPackage) -> None:
    found = {
        str(path.relative_to(runner.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in runner.folder.rglob("*")
        if path.is_file() and path.name != "package.json"
    }
    assert found == {file.path: file.sha256 for file in runner.files}
    for file in runner.files:
        info = (runner.folder / file.path).stat()
        assert (file.bytes, file.mode) == (info.st_size, info.st_mode & 0o777)


def test_the_package_holds_every_library_that_its_files_need(runner: RunnerPackage) -> None:
    paths = {file.path for file in runner.files}
    for path in paths:
        needed = {f"lib/{name}" for name in needed_libraries(runner.folder / path, _HOST)}
        assert needed <= paths


def test_no_folder_of_this_computer_is_written_into_the_package(runner: RunnerPackage) -> None:
    for path in ("bin/taskzip-runner", "lib/libtaskzip_executorch.so", "lib/libtaskzip_litert.so"):
        content = (runner.folder / path).read_bytes()
        assert str(cache_dir()).encode() not in content
        assert b"device/runner" not in content


def test_the_runner_itself_needs_no_runtime(runner: RunnerPackage) -> None:
    needed = set(needed_libraries(runner.folder / "bin/taskzip-runner", _HOST))
    assert not {name for name in needed if "LiteRt" in name or "executorch" in name}


def test_a_missing_compiler_names_the_package_to_install() -> None:
    chain = replace(toolchain("aarch64"), compiler="taskzip-no-such-compiler")
    with pytest.raises(RunnerBuildError, match="apt-get install g\\+\\+-aarch64-linux-gnu"):
        require_compiler(chain)


def test_a_failing_build_shows_what_cmake_said(tmp_path: Path) -> None:
    build = Build(_HOST, tmp_path / "no-runtimes", tmp_path / "build", "test")
    with pytest.raises(RunnerBuildError, match=r"(?s)nlohmann-json3-dev.*executorch"):
        build.configure()


_HOST = toolchain("host")
