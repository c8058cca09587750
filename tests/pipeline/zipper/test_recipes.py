"""A layer that tasks share in part is the sum of what its recipe says, of every kind and method."""

from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.zipper import JointNetwork, zip_tasks
from taskzip.pipeline.zipper.blocks import BlockLayer, GroupedBlocks, plain
from taskzip.pipeline.zipper.recipes import PartlyShared, recipe_of
from taskzip.pipeline.zipper.sparse_layer import SummedLayer

_KINDS = UserFolder(Path(__file__).parents[1]).module("families")
KINDS = ("concatenated", "transformer", "depthwise", "one-dimensional")


def joint_of(kind: str, **config: object) -> JointNetwork:
    data = [torch.randn(16, 2, 9, 9, generator=torch.Generator().manual_seed(0))]
    tasks = [Task(f"t{seed}", _KINDS.made(kind, seed), lambda: data) for seed in (1, 2)]
    return zip_tasks(tasks, ZipConfig(reconstruct_steps=0, **config), Silent()).joint


def partly_shared(network: nn.Module) -> list[PartlyShared]:
    """Outermost ones."""
    if isinstance(network, (BlockLayer, GroupedBlocks, SummedLayer)):
        return [network]
    return [found for child in network.children() for found in partly_shared(child)]


@pytest.mark.parametrize("method", ["mtz", "hybrid"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_recipe_gives_the_weights_of_the_ordinary_layer(kind: str, method: str) -> None:
    joint = joint_of(kind, method=method, share=0.6)
    for name in joint.names:
        layers = partly_shared(joint.task(name))
        assert layers
        for layer in layers:
            assert torch.equal(recipe_of(layer).weights(), plain(layer).weight)
