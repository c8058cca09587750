"""The joint network: all tasks in one module, shared weights stored once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import JsonValue
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from taskzip.contracts.document import Document, replacing
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count, TaskName
from taskzip.pipeline.graph.node import LAYER, Node, check_known, fill, run_node
from taskzip.pipeline.zipper.layer_module import JointLayer, build_layer
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.stored import fill as fill_stored
from taskzip.pipeline.zipper.stored import stored_tensors

WEIGHTS_FILE = "joint.safetensors"
STRUCTURE_FILE = "joint.json"
READABLE = 0o644


class Placed(Document):
    """A layer of a task, and which block of `shared` it uses; None: it is private."""

    spec: LayerSpec
    block: Count | None


class ConstantSpec(Document):
    """A tensor beside the layers: a positional embedding, a slope per channel."""

    shape: tuple[Count, ...]
    dtype: str


class TaskSpec(Document):
    """A task's graph from input to output."""

    input: str
    nodes: tuple[Node, ...]
    output: JsonValue
    layers: dict[str, Placed]
    """By the node that calls them."""
    constants: dict[str, ConstantSpec]


class JointSpec(Document):
    """The joint network without its weights."""

    format: Literal[3] = 3
    tasks: dict[TaskName, TaskSpec]


class TaskNetwork(nn.Module):
    """One task: runs its nodes in their order. torch.export takes it with a static shape."""

    def __init__(
        self, spec: TaskSpec, layers: Mapping[str, nn.Module], constants: Mapping[str, torch.Tensor]
    ) -> None:
        super().__init__()
        self._spec = spec
        self._keys = {name: str(index) for index, name in enumerate(layers)}
        self.layers = nn.ModuleDict({self._keys[name]: each for name, each in layers.items()})
        self._buffer_names = {name: f"constant_{index}" for index, name in enumerate(constants)}
        for name, buffer in self._buffer_names.items():
            self.register_buffer(buffer, constants[name])

    def key(self, node: str) -> str:
        """What the layer that a node calls is named within `layers`."""
        return self._keys[node]

    def layer(self, node: str) -> nn.Module:
        """The layer that a node calls."""
        return self.layers[self.key(node)]

    @property
    def spec(self) -> TaskSpec:
        """The graph."""
        return self._spec

    def forward(self, x: torch.Tensor) -> Any:
        """(n, …) → what the original network returns."""
        values: dict[str, Any] = {self._spec.input: x}
        self.run(self._spec.nodes, values)
        return self.answer(values)

    def run(self, nodes: Iterable[Node], values: dict[str, Any]) -> None:
        """Add to the values of earlier nodes those of these."""
        constants = self._constants()
        for node in nodes:
            if node.op == LAYER:
                values[node.name] = self.layer(node.name)(values[node.inputs[0]])
            else:
                values[node.name] = run_node(node, values, constants)

    def answer(self, values: Mapping[str, Any]) -> Any:
        """What the original network returns, of the nodes' values."""
        return fill(self._spec.output, values, self._constants())

    def _constants(self) -> dict[str, torch.Tensor]:
        return {name: getattr(self, key) for name, key in self._buffer_names.items()}


class JointNetwork(nn.Module):
    """All tasks; `task(name)` is one of them and holds the very Parameter objects of the others.

    Parameter names: `shared.<block>.…` once, `tasks.<index>.…` for a task's own. Tensors in the
    file have these names; the places of a task's entries are coded, as `gaps` or `bitmap`.
    """

    def __init__(
        self,
        spec: JointSpec,
        blocks: list[JointLayer],
        private: Mapping[str, Mapping[str, nn.Module]],
        constants: Mapping[str, Mapping[str, torch.Tensor]],
    ) -> None:
        """Around `blocks` and each task's `private` layers, which must be those of `spec`."""
        super().__init__()
        self.spec = spec
        self.shared = nn.ModuleList(block.shared or nn.Identity() for block in blocks)
        self.tasks = nn.ModuleList(
            TaskNetwork(task, _layers_of(name, task, blocks, private[name]), constants[name])
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
        with replacing(folder / WEIGHTS_FILE) as partial:
            save_file(stored_tensors(self), partial)
            partial.chmod(READABLE)
        self.spec.write(folder / STRUCTURE_FILE)

    @classmethod
    def load(cls, folder: Path) -> "JointNetwork":
        """The network that `save` wrote; BadInput when a file is missing or they do not fit."""
        spec = JointSpec.read(folder / STRUCTURE_FILE)
        for task in spec.tasks.values():
            check_known(task.nodes, str(folder / STRUCTURE_FILE))
        network = unfilled(spec)
        path = folder / WEIGHTS_FILE
        try:
            weights = load_file(path)
        except (OSError, SafetensorError) as error:
            raise BadInput(f"{path}: cannot be read ({error})") from error
        fill_stored(network, weights, str(path), STRUCTURE_FILE)
        return network


def _layers_of(
    name: str, task: TaskSpec, blocks: list[JointLayer], private: Mapping[str, nn.Module]
) -> dict[str, nn.Module]:
    return {
        node: private[node] if placed.block is None else blocks[placed.block].tasks[name]
        for node, placed in task.layers.items()
    }


def unfilled(spec: JointSpec) -> JointNetwork:
    """The network of that structure, to be filled."""
    together: dict[int, dict[str, LayerSpec]] = {}
    private: dict[str, dict[str, nn.Module]] = {name: {} for name in spec.tasks}
    for name, task in spec.tasks.items():
        for node, placed in task.layers.items():
            if placed.block is None:
                private[name][node] = build_layer({name: placed.spec}).tasks[name]
            else:
                together.setdefault(placed.block, {})[name] = placed.spec
    blocks = [build_layer(together[index]) for index in sorted(together)]
    constants = {
        name: {
            key: torch.zeros(each.shape, dtype=getattr(torch, each.dtype))
            for key, each in task.constants.items()
        }
        for name, task in spec.tasks.items()
    }
    return JointNetwork(spec, blocks, private, constants)
