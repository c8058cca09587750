"""The joint network: all tasks in one module, shared weights stored once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from taskzip.contracts.document import Document, write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import TaskName
from taskzip.pipeline.zipper.chain import Op
from taskzip.pipeline.zipper.layer_module import JointLayer, LayerSpec, build_layer

WEIGHTS_FILE = "joint.safetensors"
STRUCTURE_FILE = "joint.json"


class TaskSpec(Document):
    """A task's steps from input to output."""

    steps: tuple[Op | LayerSpec, ...]


class JointSpec(Document):
    """The joint network without its weights; layers at the same depth share their block."""

    format: Literal[1] = 1
    tasks: dict[TaskName, TaskSpec]


class JointNetwork(nn.Module):
    """All tasks; `task(name)` is one of them and holds the very Parameter objects of the others.

    Every task's module takes a static shape and consists of Conv2d, Linear, ReLU, pooling and
    flatten, with slices and concatenation where a layer is shared in part: torch.export takes it.
    Parameter names: `shared.<depth>.…` once, `tasks.<index>.<step>.…` for a task's own.
    """

    def __init__(self, spec: JointSpec, layers: Sequence[JointLayer]) -> None:
        """Around `layers`, input to output, which must be those that `spec` describes."""
        super().__init__()
        self.spec = spec
        self.shared = nn.ModuleList(layer.shared or nn.Identity() for layer in layers)
        self.tasks = nn.ModuleList(
            _sequence(task.steps, [layer.tasks[name] for layer in layers])
            for name, task in spec.tasks.items()
        )
        self.eval()

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, in the config's order."""
        return tuple(self.spec.tasks)

    def task(self, name: str) -> nn.Module:
        """One task's network: inputs (n, …) → scores; BadInput when there is no such task."""
        if name not in self.spec.tasks:
            raise BadInput(f"the joint network has no task {name!r}; it has {list(self.names)}")
        return self.tasks[self.names.index(name)]

    def forward(self, task: str, x: torch.Tensor) -> torch.Tensor:
        """What task `task` answers."""
        answer: torch.Tensor = self.task(task)(x)
        return answer

    def save(self, folder: Path) -> None:
        """Write `joint.safetensors` and `joint.json`; the same network gives the same bytes."""
        weights = {name: value.detach() for name, value in self.named_parameters()}
        write_atomically(folder / WEIGHTS_FILE, save(weights))
        self.spec.write(folder / STRUCTURE_FILE)

    @classmethod
    def load(cls, folder: Path) -> "JointNetwork":
        """The network that `save` wrote; BadInput when a file is missing or they do not fit."""
        spec = JointSpec.read(folder / STRUCTURE_FILE)
        network = cls(spec, _new_layers(spec))
        path = folder / WEIGHTS_FILE
        try:
            weights = load_file(path)
        except (OSError, SafetensorError) as error:
            raise BadInput(f"{path}: cannot be read ({error})") from error
        _fill(dict(network.named_parameters()), weights, path)
        return network


def _new_layers(spec: JointSpec) -> list[JointLayer]:
    by_task = {
        name: [step for step in task.steps if isinstance(step, LayerSpec)]
        for name, task in spec.tasks.items()
    }
    rows = zip(*by_task.values(), strict=True)
    return [build_layer(dict(zip(by_task, row, strict=True))) for row in rows]


def _sequence(steps: Sequence[Op | LayerSpec], layers: Sequence[nn.Module]) -> nn.Sequential:
    remaining = iter(layers)
    return nn.Sequential(
        *(step.module() if isinstance(step, Op) else next(remaining) for step in steps)
    )


def _fill(
    parameters: dict[str, nn.Parameter], weights: dict[str, torch.Tensor], path: Path
) -> None:
    if set(parameters) != set(weights):
        different = sorted(set(parameters) ^ set(weights))
        raise BadInput(f"{path}: does not fit {STRUCTURE_FILE}: {', '.join(different)}")
    for name, parameter in parameters.items():
        if parameter.shape != weights[name].shape:
            raise BadInput(
                f"{path}: tensor {name!r} has shape {tuple(weights[name].shape)}, "
                f"{STRUCTURE_FILE} says {tuple(parameter.shape)}"
            )
        parameter.data.copy_(weights[name])
