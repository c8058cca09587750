"""From a cell to a RunSpec: which files, where outputs and packed caches go.

Below the runner's working folder stand `bundle/` (as pushed), `runs/<run>/` (what a run writes)
and `packed/<runtime>/<kind>/` (packed-weight caches, one per model file, for all that load it).
"""

from dataclasses import dataclass

from taskzip.contracts.bundle import Bundle, Task, TensorSpec
from taskzip.contracts.names import Deployment, ModelKind
from taskzip.contracts.record import Cell
from taskzip.contracts.runspec import Mode, RunSpec, RunTask, RunTensor

BUNDLE_DIR = "bundle"
RUNS_DIR = "runs"
PACKED_DIR = "packed"


@dataclass(frozen=True)
class Walk:
    """What a run does once its deployment is loaded."""

    mode: Mode
    sequence: tuple[int, ...]
    warmups: int
    inferences: int


def kind_of(deployment: Deployment) -> ModelKind:
    """Which of the bundle's files a deployment loads."""
    return "joint" if deployment in ("joint", "joint-lazy") else "separate"


def output_file(run: str, task: str, index: int) -> str:
    """Where a run writes an output of a task, below the working folder."""
    return f"{RUNS_DIR}/{run}/{task}.out{index}.bin"


@dataclass(frozen=True)
class SpecWriter:
    """Writes the RunSpecs of one bundle."""

    bundle: Bundle
    threads: int
    start_on_tick: bool
    """With the counted clock, so that runs repeat themselves."""
    lru_k: int = 2
    """Files that `separate-lru` keeps loaded."""
    memory_limit_bytes: int | None = None

    def spec(self, cell: Cell, walk: Walk, label: str) -> RunSpec:
        """The RunSpec of a cell; `label` sets the run apart from the cell's other runs."""
        packed = "packed" if cell.packed_cache else "plain"
        run = f"{cell.runtime}.{cell.deployment}.{cell.cache}.{packed}.{label}"
        kind = kind_of(cell.deployment)
        packed_dir = f"{PACKED_DIR}/{cell.runtime}/{kind}"
        return RunSpec(
            run=run,
            runtime=cell.runtime,
            deployment=cell.deployment,
            cache=cell.cache,
            packed_cache=cell.packed_cache,
            mode=walk.mode,
            tasks=tuple(self._task(run, cell, task, kind) for task in self.bundle.tasks),
            tiny=self._task(run, cell, self.bundle.tiny, "tiny"),
            packed_dir=packed_dir if cell.packed_cache else None,
            sequence=walk.sequence,
            warmups=walk.warmups,
            inferences=walk.inferences,
            threads=self.threads,
            lru_k=self.lru_k if cell.deployment == "separate-lru" else None,
            memory_limit_bytes=self.memory_limit_bytes,
            start_on_tick=self.start_on_tick,
        )

    def _task(self, run: str, cell: Cell, task: Task, kind: ModelKind) -> RunTask:
        model = self.bundle.model(cell.runtime, kind, task.name)
        inputs = tuple(f"{BUNDLE_DIR}/{path}" for path in task.golden_inputs)
        outputs = tuple(output_file(run, task.name, i) for i in range(len(task.outputs)))
        return RunTask(
            name=task.name,
            model=f"{BUNDLE_DIR}/{model.path}",
            entry=model.entry(task.name),
            inputs=_tensors(task.inputs, inputs),
            outputs=_tensors(task.outputs, outputs),
        )


def _tensors(specs: tuple[TensorSpec, ...], files: tuple[str, ...]) -> tuple[RunTensor, ...]:
    return tuple(
        RunTensor(name=spec.name, dtype=spec.dtype, shape=spec.shape, file=file)
        for spec, file in zip(specs, files, strict=True)
    )
