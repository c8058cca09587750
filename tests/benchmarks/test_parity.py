import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from taskzip.benchmarks.parity import check_parity
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.events import Output
from taskzip.contracts.record import Record
from taskzip.contracts.report import Parity

JOINT = "outputs/litert.joint.warm.plain.parity/digits.out0.bin"


@pytest.fixture
def check(measured_folder: Path, records: tuple[Record, ...], tmp_path: Path):
    """Parity of the outputs in `tmp_path`, at first those that the device wrote."""
    shutil.copytree(measured_folder / "outputs", tmp_path / "outputs")
    bundle = Bundle.read(measured_folder / "bundle" / BUNDLE_FILE)

    def check(records: Sequence[Record] = records) -> tuple[Parity, ...]:
        return check_parity(bundle, measured_folder / "bundle", records, tmp_path)

    return check


def joint_digits(results: tuple[Parity, ...]) -> Parity:
    (found,) = (
        one
        for one in results
        if (one.file, one.task, one.packed_cache) == ("litert/joint.tflite", "digits", False)
    )
    return found


def change_output(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = folder / JOINT
    change(np.fromfile(path, dtype="<f4")).tofile(path)


def test_every_file_task_and_packed_cache_setting_has_a_result(check) -> None:
    results = check()
    keys = {(one.file, one.task, one.packed_cache) for one in results}
    assert len(results) == len(keys) == 2 * 4 * 2
    assert all(one.ok and one.max_abs_error == 0 for one in results)


def test_a_small_difference_is_allowed_and_reported(check, tmp_path) -> None:
    change_output(tmp_path, lambda y: y + np.float32(5e-5))
    found = joint_digits(check())
    assert found.ok
    assert found.max_abs_error == pytest.approx(5e-5, rel=0.01)


def test_what_is_allowed_grows_with_the_largest_output(check, measured_folder) -> None:
    golden = np.fromfile(measured_folder / "bundle/golden/digits.joint.out0.bin", dtype="<f4")
    expected = 1e-4 + 1e-4 * float(np.abs(golden).max())
    assert joint_digits(check()).allowed == pytest.approx(expected)


def test_a_file_that_is_not_in_fp32_is_held_to_its_own_answers_on_the_host(
    records: tuple[Record, ...], measured_folder: Path
) -> None:
    folder = measured_folder / "bundle"
    bundle = Bundle.read(folder / BUNDLE_FILE)
    own = bundle.tasks[0].golden_outputs["separate"]
    joint = bundle.model("litert", "joint", "digits")
    entry = joint.serving("digits").model_copy(update={"golden_outputs": own})
    changed = joint.model_copy(update={"entries": (entry, *joint.entries[1:])})
    models = tuple(changed if each == joint else each for each in bundle.models)
    held = bundle.model_copy(update={"models": models})
    found = joint_digits(check_parity(held, folder, records, measured_folder))
    one, other = (
        np.fromfile(folder / path[0], dtype="<f4")
        for path in (own, bundle.tasks[0].golden_outputs["joint"])
    )
    assert found.max_abs_error == pytest.approx(float(np.abs(one - other).max()))


def test_a_large_difference_is_not_ok(check, tmp_path) -> None:
    change_output(tmp_path, lambda y: y + np.float32(0.5))
    found = joint_digits(check())
    assert not found.ok
    assert found.max_abs_error == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_output_that_is_not_finite_is_not_ok_and_has_no_error(check, tmp_path, value) -> None:
    change_output(tmp_path, lambda y: np.where(np.arange(10) == 3, value, y).astype("<f4"))
    found = joint_digits(check())
    assert (found.ok, found.max_abs_error) == (False, None)
    assert "NaN" not in found.model_dump_json()


def test_a_missing_or_short_output_is_not_ok(check, tmp_path) -> None:
    change_output(tmp_path, lambda y: y[:5])
    assert not joint_digits(check()).ok
    (tmp_path / JOINT).unlink()
    assert not joint_digits(check()).ok


def test_a_file_left_by_an_earlier_run_does_not_count(check, records) -> None:
    silent = [record for record in records if not isinstance(record.event, Output)]
    assert not any(one.ok for one in check(silent))


def test_a_joint_output_is_held_against_the_joint_network(check, tmp_path, measured_folder) -> None:
    separate = np.fromfile(measured_folder / "bundle/golden/digits.separate.out0.bin", dtype="<f4")
    change_output(tmp_path, lambda _: separate)
    assert not joint_digits(check()).ok
