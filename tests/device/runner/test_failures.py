"""What the runner refuses: a failure event that says why, and no crash."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from taskzip.contracts.names import RUNTIMES, Runtime
from tests.device.runner.running import Bench
from tests.device.runner.small_models import SUFFIX

USAGE_EXIT = 2

every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.mark.parametrize("words", [[], ["--probe"], ["--probe", "onnx"], ["--help"], ["a", "b"]])
def test_a_wrong_command_line_is_told(bench: Bench, words: list[str]) -> None:
    ran = bench.run_words(*words)
    assert (ran.exit_code, ran.failure.code) == (USAGE_EXIT, "bad_usage")


@pytest.mark.parametrize("text", ["", "{", "[]", "\0" * 100, "[" * 100_000])
def test_a_spec_that_is_not_json_is_told(bench: Bench, text: str) -> None:
    ran = bench.run_text(text)
    assert (ran.exit_code, ran.failure.code) == (1, "bad_spec")


def test_a_missing_spec_is_told(bench: Bench) -> None:
    ran = bench.run_words("spec.json")
    assert (ran.exit_code, ran.failure.code) == (1, "file_missing")
    assert "spec.json" in ran.failure.message


def test_another_contract_is_told(bench: Bench) -> None:
    spec = bench.models.spec("litert", "joint", "parity")
    ran = bench.run(spec, contract=999)
    assert (ran.exit_code, ran.failure.code) == (1, "contract_mismatch")
    assert "999" in ran.failure.message


@pytest.mark.parametrize(
    ("field", "value"),
    [("runtime", "onnx"), ("sequence", [7]), ("inferences", -1), ("tasks", []), ("threads", 0)],
)
def test_a_value_out_of_range_is_told_by_name(bench: Bench, field: str, value: object) -> None:
    spec = bench.models.spec("litert", "joint", "parity")
    ran = bench.run(spec, **{field: value})
    assert (ran.exit_code, ran.failure.code) == (1, "bad_spec")
    assert field in ran.failure.message


@every_runtime
def test_a_missing_model_is_told(bench: Bench, runtime: Runtime) -> None:
    (bench.folder / f"joint.{SUFFIX[runtime]}").unlink()
    ran = bench.run(bench.models.spec(runtime, "joint", "parity"))
    assert (ran.exit_code, ran.failure.code) == (1, "open_failed")
    assert f"joint.{SUFFIX[runtime]}" in ran.failure.message


@every_runtime
@pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 4096])
def test_a_file_that_is_no_model_is_told(
    bench: Bench,
    runtime: Runtime,
    content: bytes,
) -> None:
    (bench.folder / f"joint.{SUFFIX[runtime]}").write_bytes(content)
    ran = bench.run(bench.models.spec(runtime, "joint", "parity"))
    assert (ran.exit_code, ran.failure.code) == (1, "open_failed")


@every_runtime
def test_a_missing_entry_is_told(bench: Bench, runtime: Runtime) -> None:
    spec = bench.models.spec(runtime, "joint", "parity")
    tasks = spec.as_json_data()["tasks"]
    tasks[1]["entry"] = "absent"
    ran = bench.run(spec, tasks=tasks)
    assert (ran.exit_code, ran.failure.code) == (1, "entry_missing")
    assert "absent" in ran.failure.message


@every_runtime
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_tensor_of_another_size_is_told(bench: Bench, runtime: Runtime, side: str) -> None:
    spec = bench.models.spec(runtime, "joint", "parity")
    tasks = spec.as_json_data()["tasks"]
    tasks[1][side][0]["shape"] = [1, 3]
    (bench.folder / "three.bin").write_bytes(bytes(12))
    tasks[1]["inputs"][0]["file"] = "three.bin" if side == "inputs" else "image.bin"
    ran = bench.run(spec, tasks=tasks)
    assert (ran.exit_code, ran.failure.code) == (1, "tensor_mismatch")


def test_an_input_file_of_another_size_is_told(bench: Bench) -> None:
    (bench.folder / "image.bin").write_bytes(bytes(12))
    ran = bench.run(bench.models.spec("litert", "joint", "parity"))
    assert (ran.exit_code, ran.failure.code) == (1, "file_mismatch")
    assert "image.bin" in ran.failure.message


@every_runtime
def test_a_missing_runtime_is_told(bench: Bench, tmp_path: Path, runtime: Runtime) -> None:
    folder = Path(shutil.copytree(bench.package.folder, tmp_path / "runner"))
    (folder / f"lib/libtaskzip_{runtime}.so").unlink()
    broken = replace(bench, package=replace(bench.package, folder=folder))
    ran = broken.run(bench.models.spec(runtime, "joint", "parity"))
    assert (ran.exit_code, ran.failure.code) == (1, "runtime_missing")


def test_litert_of_another_release_is_told(bench: Bench, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bench.package.folder, tmp_path / "runner"))
    with (folder / "lib/libLiteRt.so").open("ab") as library:
        library.write(b"\0")
    broken = replace(bench, package=replace(bench.package, folder=folder))
    ran = broken.run(bench.models.spec("litert", "joint", "parity"))
    assert (ran.exit_code, ran.failure.code) == (1, "runtime_mismatch")
