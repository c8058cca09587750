"""Two small real networks with a shared trunk, as files of both runtimes, and what torch says."""

import hashlib
import struct
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from taskzip.contracts.names import CacheState, Deployment, Runtime
from taskzip.contracts.paths import cache_dir
from taskzip.contracts.runspec import Mode, RunSpec, RunTask, RunTensor
from taskzip.pipeline import exporters

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
    folder = cache_dir() / "test-models" / _recipe_hash()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".partial-") as partial:
            made = Path(partial) / "made"
            made.mkdir()
            # A process of its own: importing the frameworks takes most of the time and memory.
            script = Path(__file__).with_name("export_small_models.py")
            subprocess.run([sys.executable, "-W", "ignore", script, made], check=True)
            made.rename(folder)
    return SmallModels(folder)


def _recipe_hash() -> str:
    digest = hashlib.sha256()
    sources = [*Path(exporters.__file__).parent.glob("*.py"), *Path(__file__).parent.glob("*.py")]
    for source in sorted(path for path in sources if not path.name.startswith("test_")):
        digest.update(source.read_bytes())
    for package in ("torch", "executorch", "litert-torch"):
        digest.update(f"{package}=={version(package)}".encode())
    return digest.hexdigest()[:16]
