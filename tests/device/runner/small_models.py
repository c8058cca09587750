"""Two small real networks with a shared trunk, as files of both runtimes, and what torch says."""

import struct
from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.names import CacheState, Deployment, Runtime
from taskzip.contracts.runspec import Mode, RunSpec, RunTask, RunTensor
from tests.device.runner.exported import exported_models

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


@dataclass(frozen=True)
class SmallModels:
    """A folder with model files and inputs, as a working folder of the runner holds them."""

    folder: Path

    def expected(self, deployment: Deployment, task: str) -> tuple[float, ...]:
        """What torch computes for a task, with the network of the file that is deployed."""
        kind = "joint" if is_joint(deployment) else "separate"
        return floats((self.folder / f"{task}.{kind}.out.bin").read_bytes())

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
            lru_k=1 if deployment == "separate-lru" else None,
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


def small_models() -> SmallModels:
    """The models, exported when an exporter or what it stands on changed; takes half a minute."""
    return SmallModels(exported_models() / "small")
