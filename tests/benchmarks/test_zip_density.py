"""Hybrid's error against its size, measured on small networks."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from taskzip.benchmarks.zip_density import DENSITIES, main
from taskzip.pipeline.networks.user_code import UserFolder

PROJECT = Path(__file__).parents[1] / "pipeline" / "small_project"


def test_a_line_is_printed_for_each_density(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    for seed, name in enumerate(("day", "night")):
        torch.manual_seed(seed)
        network = UserFolder(folder).module("networks").network()
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    main(folder / "project.toml", steps=0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| what | size | day | night | mean increase |"
    sizes = [float(line.split("|")[2]) for line in lines[2:]]
    assert len(sizes) == len(DENSITIES) + 2
    assert sizes == sorted(sizes)
