"""How much memory a zip takes at most, computed from shapes before anything is zipped.

Letters: T tasks, N outputs and P inputs of a layer with the bias's constant 1, R rows of a task's
calibration data. It counts what a zip allocates beyond Python, torch and the user's own data.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes
from taskzip.pipeline.graph.graph import Graph
from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.graph.node import LAYER
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.engine import KEPT_BYTES
from taskzip.pipeline.zipper.gather import LIMIT_BYTES, ROWS_AT_ONCE
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.rows import POSITIONS_PER_IMAGE
from taskzip.pipeline.zipper.stream import PART_IMAGES, part_images

_FLOAT32, _FLOAT64 = 4, 8
_WEIGHT_COPIES = 4
"""The networks, their layers with batch norm folded in, the joint network, and the file of it."""
_TWO_NETWORKS = 2
"""The original and the merged one."""
_NOT_GIVEN_BACK = 5 / 4
"""What the allocator holds of what was freed."""
_GRADIENTS = 6
"""Weights that move: their old values, gradients, Adam's two moments, the reader's copy, spare."""
_SYSTEMS = 6
"""P × P arrays that a solver holds at once, besides one for each task."""
_TABLES = 6
"""N × N tables of what pairs cost, and what assignment makes of them."""


class MemoryBound(Document):
    """Upper bounds in bytes; moments and solver are those of the layer that takes most.

    The total is a quarter more than their sum, for what the allocator does not give back.
    """

    weights_bytes: Bytes
    activations_bytes: Bytes
    layer: str
    moments_bytes: Bytes
    solver_bytes: Bytes
    total_bytes: Bytes


@dataclass(frozen=True)
class _Task:
    graph: Graph
    images: int


def memory_bound(scene: Scene, images: Mapping[str, int]) -> MemoryBound:
    """What zipping `scene` takes at most beyond its start; `images` of each task's calibration."""
    tasks = {n: _Task(each.graph, images[n]) for n, each in scene.networks.items()}
    weights = _WEIGHT_COPIES * sum(_weight_bytes(each.graph) for each in tasks.values())
    activations = sum(_activation_bytes(each, len(tasks)) for each in tasks.values())
    layers = [_layers(scene, step) for step in scene.alignment.steps]
    layers += [{name: each} for name, task in tasks.items() for each in task.graph.layers.values()]
    moments, solver, name = max(
        (_moment_bytes(each, tasks), _solver_bytes(each, tasks), next(iter(each.values())).name)
        for each in layers
    )
    return MemoryBound(
        weights_bytes=weights,
        activations_bytes=activations,
        layer=name,
        moments_bytes=moments,
        solver_bytes=solver,
        total_bytes=int(_NOT_GIVEN_BACK * (weights + activations + moments + solver)),
    )


def _layers(scene: Scene, step: Step) -> dict[str, Layer]:
    return {name: scene.networks[name].graph.layers[node] for name, node in step.nodes.items()}


def _weight_bytes(graph: Graph) -> int:
    layers = sum(each.outputs * each.row_size for each in graph.layers.values())
    return _FLOAT32 * (layers + sum(each.numel() for each in graph.constants.values()))


def _activation_bytes(task: _Task, tasks: int) -> int:
    """Kept before a layer, in both networks, and a part that is on its way."""
    alive = _alive_bytes(task.graph)
    waiting = max(alive[node] for node in task.graph.layers)
    kept = min(_TWO_NETWORKS * waiting * task.images, KEPT_BYTES // tasks)
    most = max(alive.values()) + waiting
    passing = 2 * _TWO_NETWORKS * most * min(part_images(task.graph.shapes.values()), task.images)
    return kept + passing


def _alive_bytes(graph: Graph) -> dict[str, int]:
    """Node → bytes of one image's values that are held when it begins."""
    last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    found, alive = {}, {graph.input}
    for index, node in enumerate(graph.nodes):
        found[node.name] = sum(_image_bytes(graph, name) for name in alive)
        alive.add(node.name)
        alive -= {name for name in alive if last.get(name, index + 1) <= index}
    return found


def _image_bytes(graph: Graph, name: str) -> int:
    shape = graph.shapes.get(name, ())
    return math.prod(shape[1:]) * _FLOAT32 if shape else 0


def _rows(layer: Layer, task: _Task) -> int:
    """R: a convolution, or a layer of sequences, is looked at in some positions of each image."""
    shapes = [task.graph.shapes[n.name] for n in task.graph.nodes if n.op == LAYER]
    is_spread = layer.geometry is not None or any(len(shape) > 2 for shape in shapes)  # noqa: PLR2004
    return task.images * (POSITIONS_PER_IMAGE if is_spread else 1)


def _moment_bytes(layers: Mapping[str, Layer], tasks: Mapping[str, _Task]) -> int:
    """H, or rows, of all tasks, and one task's parts while they are gathered."""
    held, gathering = 0, 0
    for name, layer in layers.items():
        size, outputs = _sizes(layer)
        rows = _rows(layer, tasks[name])
        row = (size + outputs) * _FLOAT32
        whole = _FLOAT64 * size * (size + outputs)
        if layer.is_grouped:
            held += _FLOAT64 * outputs * size * (size + 1)
            gathering = max(gathering, 3 * _FLOAT64 * _part_rows() * outputs * (size + 1))
        elif rows < size or _FLOAT64 * size**2 > LIMIT_BYTES:
            held += min(rows * row, LIMIT_BYTES)
            gathering = max(gathering, min(rows * row, LIMIT_BYTES) + _part_rows() * row)
        else:
            held += whole
            waiting = min(rows, max(size, ROWS_AT_ONCE) + _part_rows()) * row
            blocks = min(rows, ROWS_AT_ONCE) * 2 * row
            gathering = max(gathering, 2 * waiting + blocks)
    return held + gathering


def _solver_bytes(layers: Mapping[str, Layer], tasks: Mapping[str, _Task]) -> int:
    """Refit, matching, merging, reconstruction: what each holds, as if all came at once."""
    found = 0
    for name, layer in layers.items():
        size, outputs = _sizes(layer)
        inner = min(size, len(layers) * _rows(layer, tasks[name]))
        system = outputs * size**2 if layer.is_grouped else inner * size
        weights = outputs * size
        per_task = _FLOAT64 * (system + 4 * weights) + _GRADIENTS * _FLOAT32 * weights
        once = _FLOAT64 * (_SYSTEMS * system + _TABLES * outputs**2)
        found = max(found, once + len(layers) * per_task)
    return found


def _sizes(layer: Layer) -> tuple[int, int]:
    """P and N."""
    return layer.row_size, layer.outputs


def _part_rows() -> int:
    return PART_IMAGES * POSITIONS_PER_IMAGE
