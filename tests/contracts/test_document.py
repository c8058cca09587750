from pathlib import Path

import pytest
from pydantic import ValidationError

from taskzip.contracts.bundle import Bundle, File, Sharing, Task, TensorSpec, Tolerance
from taskzip.contracts.errors import BadInput
from taskzip.contracts.runspec import RunSpec, RunTask

SHA = "0" * 64
SPEC = TensorSpec(name="x", dtype="float32", shape=(1, 4))


def task(name: str) -> Task:
    return Task(
        name=name,
        inputs=(SPEC,),
        outputs=(SPEC,),
        golden_inputs=(f"golden/{name}.in0.bin",),
        golden_outputs={"separate": (f"golden/{name}.separate.out0.bin",)},
    )


def bundle(names: tuple[str, ...] = ("a", "b"), data: tuple[File, ...] | None = None) -> Bundle:
    tiny = task("tiny")
    tasks = tuple(task(name) for name in names)
    files = tuple(
        File(path=path, bytes=16, sha256=SHA)
        for each in {t.name: t for t in (*tasks, tiny)}.values()
        for path in (*each.golden_inputs, *each.golden_outputs["separate"])
    )
    return Bundle(
        tasks=tasks,
        tiny=tiny,
        models=(),
        data=files if data is None else data,
        sharing=Sharing(shared_bytes=1, private_bytes={"a": 1, "b": 1}),
        tolerance=Tolerance(absolute=0, relative=0),
        versions={},
    )


def test_a_document_read_back_is_the_same(tmp_path: Path) -> None:
    written = bundle()
    written.write(tmp_path / "deep" / "bundle.json")
    assert Bundle.read(tmp_path / "deep" / "bundle.json") == written


def test_writing_leaves_nothing_else_behind(tmp_path: Path) -> None:
    bundle().write(tmp_path / "bundle.json")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.json"]


def test_a_file_that_does_not_fit_is_named_with_field_and_value(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text('{"format": 2}')
    with pytest.raises(BadInput, match=r"bundle\.json: format: Input should be 1, got 2"):
        Bundle.read(tmp_path / "bundle.json")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../b", "a;b", "a b", ".hidden", ""])
def test_a_path_that_leaves_the_bundle_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        File(path=path, bytes=0, sha256=SHA)


def test_a_bundle_lists_every_golden_file() -> None:
    with pytest.raises(ValidationError, match="not listed in data"):
        bundle(data=())


def test_a_bundle_names_a_task_once() -> None:
    with pytest.raises(ValidationError, match="same name"):
        bundle(("a", "a"))


def run_task(name: str) -> RunTask:
    return RunTask(name=name, model="m.pte", entry=name, inputs=(), outputs=())


def run_spec(**changes: object) -> RunSpec:
    fields: dict[str, object] = {
        "run": "r0",
        "runtime": "litert",
        "deployment": "joint",
        "cache": "warm",
        "packed_cache": False,
        "mode": "latency",
        "tasks": (run_task("a"), run_task("b")),
        "tiny": run_task("tiny"),
        "packed_dir": None,
        "sequence": (0, 1),
        "warmups": 0,
        "inferences": 1,
    }
    return RunSpec.model_validate({**fields, **changes})


def test_a_run_spec_names_only_tasks_it_has() -> None:
    assert run_spec().sequence == (0, 1)
    with pytest.raises(ValidationError, match="beyond the 2 given"):
        run_spec(sequence=(0, 2))


def test_a_packed_folder_goes_with_a_packed_cache() -> None:
    assert run_spec(packed_cache=True, packed_dir="packed").packed_dir == "packed"
    with pytest.raises(ValidationError, match="goes with packed_cache"):
        run_spec(packed_cache=True)
