"""The zip stage of a user's folder with training after it."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from taskzip.contracts.config import load_config
from taskzip.contracts.progress import Silent
from taskzip.pipeline.build import Stages, zip_stage
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.sweep import sweep

PROJECT = Path(__file__).with_name("small_project")
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
