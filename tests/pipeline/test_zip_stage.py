"""The zip stage of a user's folder with training after it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from taskzip.contracts.config import load_config
from taskzip.contracts.document import Document
from taskzip.contracts.progress import Silent
from taskzip.pipeline.build import Stages, zip_stage
from taskzip.pipeline.compare import compare
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.sweep import sweep

PROJECT = Path(__file__).with_name("small_project")
STEP = 3
RETRAIN = "\n[retrain]\niterations = 3\nbatch_size = 16\ncheckpoint_seconds = 0\n"


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    for seed, name in enumerate(("day", "night")):
        torch.manual_seed(seed)
        network = UserFolder(folder).module("networks").network()
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    path = folder / "project.toml"
    path.write_text(path.read_text() + "\n[zip]\nreconstruct_steps = 0\n")
    return path


def test_retraining_is_told_is_a_reason_to_run_and_leaves_no_checkpoint(
    config_path: Path, tmp_path: Path
) -> None:
    folder, out_dir = config_path.parent, tmp_path / "out"
    assert zip_stage(load_config(config_path), folder, out_dir, Silent()).retrain is None
    config_path.write_text(config_path.read_text() + RETRAIN)
    config = load_config(config_path)
    assert Stages(config, folder, out_dir).reasons_to_zip() == ("[retrain] changed",)
    result = zip_stage(config, folder, out_dir, Silent())
    assert result.retrain is not None
    assert (result.retrain.iterations, result.retrain.stopped_early) == (3, False)
    names = {path.name for path in (out_dir / "zip").iterdir()}
    assert names == {"joint.safetensors", "joint.json", "plan.json"}


def test_training_after_layers_is_told_and_leaves_no_checkpoint(
    config_path: Path, tmp_path: Path
) -> None:
    after_layers = RETRAIN.replace("iterations", "layer_iterations")
    config_path.write_text(config_path.read_text() + after_layers)
    out_dir = tmp_path / "out"
    result = zip_stage(load_config(config_path), config_path.parent, out_dir, Silent())
    assert result.retrain is not None
    shared = sum(layer.shared > 0 for layer in result.layers)
    assert shared > 1
    assert (result.retrain.iterations, result.retrain.layer_iterations) == (0, 3 * shared)
    names = {path.name for path in (out_dir / "zip").iterdir()}
    assert names == {"joint.safetensors", "joint.json", "plan.json"}


def test_a_sweep_of_hybrid_goes_from_many_entries_to_none(
    config_path: Path, tmp_path: Path
) -> None:
    config_path.write_text(config_path.read_text() + 'method = "hybrid"\n')
    found = sweep(load_config(config_path), config_path.parent, tmp_path / "out", Silent())
    densities = [point.density or 0.0 for point in found.points]
    assert densities == sorted(densities, reverse=True)
    assert densities[0] > 0 == densities[-1]
    assert all(point.size_ratio <= 1 for point in found.points)
    assert found.points[0].predicted_error < found.points[-1].predicted_error


def test_hybrids_bytes_are_those_of_its_file(config_path: Path, tmp_path: Path) -> None:
    config_path.write_text(config_path.read_text() + 'method = "hybrid"\n')
    out_dir = tmp_path / "out"
    result = zip_stage(load_config(config_path), config_path.parent, out_dir, Silent())
    file = (out_dir / "zip" / "joint.safetensors").read_bytes()
    header_bytes = 8 + int.from_bytes(file[:8], "little")
    assert result.bytes is not None
    assert result.bytes.joint == len(file) - header_bytes


class Interrupting(Silent):
    """Says Ctrl-C when a bar has moved on so many times; keeps what is said.

    A step of two tasks moves it on three times, and all steps that were kept once.
    """

    def __init__(self, after: int) -> None:
        self._left = after
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        """Keep the line."""
        self.lines.append(text)

    def advance(self, bar: int, units: int = 1) -> None:
        """Count what is done."""
        self._left -= units > 0
        if self._left == 0:
            raise KeyboardInterrupt


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_an_interrupted_zip_goes_on_and_leaves_no_checkpoint(
    config_path: Path, tmp_path: Path
) -> None:
    config_path.write_text(config_path.read_text() + RETRAIN)
    config, folder = load_config(config_path), config_path.parent
    whole = zip_stage(config, folder, tmp_path / "whole", Silent())
    out_dir, last = tmp_path / "cut", Interrupting(-1)
    for after in (2 * STEP + 1, 1 + STEP + 1):
        with pytest.raises(KeyboardInterrupt):
            zip_stage(config, folder, out_dir, Interrupting(after))
    result = zip_stage(config, folder, out_dir, last)
    assert "zipping goes on after 3 of 3 steps" in last.lines
    assert files_of(out_dir / "zip") == files_of(tmp_path / "whole" / "zip")
    assert [path for path in (out_dir / "zip").iterdir() if path.is_dir()] == []
    same = result.model_copy(update={"cost": whole.cost, "retrain": whole.retrain})
    assert same == whole
    assert Stages(config, folder, out_dir).reasons_to_zip() == ()


def test_a_fresh_zip_takes_no_step_of_an_interrupted_one(config_path: Path, tmp_path: Path) -> None:
    config, folder = load_config(config_path), config_path.parent
    with pytest.raises(KeyboardInterrupt):
        zip_stage(config, folder, tmp_path, Interrupting(STEP))
    assert (tmp_path / "zip" / ".zip-steps").is_dir()
    said = Interrupting(-1)
    zip_stage(config, folder, tmp_path, said, fresh=True)
    assert not any("goes on" in line for line in said.lines)
    assert not (tmp_path / "zip" / ".zip-steps").exists()


@pytest.mark.parametrize("verb", [compare, sweep])
def test_an_interrupted_table_of_zips_goes_on_with_those_that_are_left(
    verb: Callable[..., Document], config_path: Path, tmp_path: Path
) -> None:
    config, folder = load_config(config_path), config_path.parent
    with pytest.raises(KeyboardInterrupt):
        verb(config, folder, tmp_path, Interrupting(8 * STEP))
    said = Interrupting(-1)
    table = verb(config, folder, tmp_path, said)
    going_on = [line for line in said.lines if "goes on" in line]
    assert going_on[:3] == [f"zipping goes on after {done} of 3 steps" for done in (3, 3, 2)]
    assert without_seconds(table) == without_seconds(verb(config, folder, tmp_path, Silent()))
    assert list((tmp_path / "zip").iterdir()) == []


def without_seconds(table: Document) -> dict[str, object]:
    data = table.as_json_data()
    for row in data.get("zips", ()):
        del row["seconds"]
    return data
