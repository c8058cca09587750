"""Two small real networks with a shared trunk, exported for both runtimes, and what torch says."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from taskzip.contracts.names import CacheState, Deployment, Runtime
from taskzip.contracts.runspec import Mode, RunSpec, RunTask, RunTensor
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters import executorch, litert
from taskzip.pipeline.exporters.tensors import raw_bytes

TASKS = ("left", "right")
SUFFIX: dict[Runtime, str] = {"executorch": "pte", "litert": "tflite"}
IMAGE = (1, 1, 12, 12)
ROW = (1, 4)
SCORES = (1, 10)


def is_joint(deployment: Deployment) -> bool:
    """Whether a deployment loads the joint file."""
    return deployment in ("joint", "joint-lazy")


def floats(content: bytes) -> tuple[float, ...]:
    """The float32 numbers of a raw tensor."""
    return struct.unpack(f"<{len(content) // 4}f", content)


def _trunk() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(200, 256),
        nn.ReLU(),
    )


def _network(trunk: nn.Module) -> nn.Module:
    return nn.Sequential(trunk, nn.Linear(256, 10)).eval()


@dataclass(frozen=True)
class SmallModels:
    """A folder with model files and inputs, as a working folder of the runner holds them."""

    folder: Path
    expected: Mapping[tuple[str, str], bytes]
    """(`joint` or `separate`, task) → the output that torch computes, raw."""

    def spec(
        self,
        runtime: Runtime,
        deployment: Deployment,
        mode: Mode,
        *,
        packed_cache: bool = False,
        cache: CacheState = "warm",
    ) -> RunSpec:
        """A short run of both tasks; outputs go to `out/`, packed caches to `packed/`."""
        return RunSpec(
            run="test",
            runtime=runtime,
            deployment=deployment,
            cache=cache,
            packed_cache=packed_cache,
            mode=mode,
            tasks=tuple(_task(runtime, task, is_joint(deployment)) for task in TASKS),
            tiny=_tiny(runtime),
            packed_dir="packed" if packed_cache else None,
            sequence=(0, 1, 0, 1),
            warmups=2,
            inferences=3,
        )


def _task(runtime: Runtime, task: str, joint: bool) -> RunTask:
    return RunTask(
        name=task,
        model=f"{'joint' if joint else task}.{SUFFIX[runtime]}",
        entry=task,
        inputs=(RunTensor(name="image", dtype="float32", shape=IMAGE, file="image.bin"),),
        outputs=(RunTensor(name="scores", dtype="float32", shape=SCORES, file=f"out/{task}.bin"),),
    )


def _tiny(runtime: Runtime) -> RunTask:
    return RunTask(
        name="tiny",
        model=f"tiny.{SUFFIX[runtime]}",
        entry="tiny",
        inputs=(RunTensor(name="row", dtype="float32", shape=ROW, file="row.bin"),),
        outputs=(RunTensor(name="row", dtype="float32", shape=ROW, file="out/tiny.bin"),),
    )


def export_small_models(folder: Path) -> SmallModels:
    """Export joint, separate and tiny networks into a folder; takes some seconds."""
    torch.manual_seed(0)
    image, row = torch.randn(IMAGE), torch.randn(ROW)
    shared = _trunk()
    joint = {task: _network(shared) for task in TASKS}
    separate = {task: _network(_trunk()) for task in TASKS}
    files = {"joint": joint, **{task: {task: net} for task, net in separate.items()}}
    for name, networks in files.items():
        _export(folder / name, [EntryPoint(task, net, (image,)) for task, net in networks.items()])
    _export(folder / "tiny", [EntryPoint("tiny", nn.Linear(4, 4).eval(), (row,))])
    (folder / "image.bin").write_bytes(raw_bytes(image))
    (folder / "row.bin").write_bytes(raw_bytes(row))
    kinds = {"joint": joint, "separate": separate}
    expected = {
        (kind, task): raw_bytes(network(image))
        for kind, networks in kinds.items()
        for task, network in networks.items()
    }
    return SmallModels(folder, expected)


def _export(stem: Path, entries: list[EntryPoint]) -> None:
    executorch.export(entries, stem.with_suffix(".pte"))
    litert.export(entries, stem.with_suffix(".tflite"))
