"""A bundle: what the pipeline hands over and the harness pushes.

A folder with `bundle.json` and the files it lists; nothing else is needed to run the tasks.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from taskzip.contracts.document import Document
from taskzip.contracts.names import (
    Bytes,
    Count,
    DType,
    LayerForm,
    ModelKind,
    Precision,
    RelativePath,
    Runtime,
    Sha256,
    TaskName,
)

BUNDLE_FILE = "bundle.json"


class TensorSpec(Document):
    """One input or output: static shape, batch included."""

    name: str
    dtype: DType
    shape: tuple[int, ...]


class File(Document):
    """One file of the bundle, `path` below the bundle's folder."""

    path: RelativePath
    bytes: Bytes
    sha256: Sha256


class Task(Document):
    """One task: what goes in, what comes out, and one example of both.

    `golden_inputs` and `golden_outputs` are paths of raw little-endian tensors in the order of
    `inputs` and `outputs`; the outputs were computed by torch on the host, from the joint network
    for `joint` files and from the task's own network for `separate` files.
    """

    name: TaskName
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    golden_inputs: tuple[RelativePath, ...]
    golden_outputs: dict[Literal["joint", "separate"], tuple[RelativePath, ...]]


class Accuracy(Document):
    """What a file's precision costs a task: its answers beside those of torch in fp32.

    Both were computed on the host.
    """

    output_error: float
    """E‖file − torch‖² / E‖torch‖² over `samples` of the calibration data."""
    samples: Count
    error_percent_before: float | None = None
    """Of torch in fp32 over `evaluated` samples; None where there is no evaluation data."""
    error_percent: float | None = None
    """Of the file, over the same samples."""
    evaluated: Count = 0


class Entry(Document):
    """A callable of a model file: a method of a .pte, a signature of a .tflite."""

    task: TaskName
    entry: str
    golden_outputs: tuple[RelativePath, ...] = ()
    """What the file itself answers on the host; none in fp32, where it is the task's."""
    accuracy: Accuracy | None = None
    """None in fp32."""


class ModelFile(File):
    """A network for one runtime; `tiny` is the one-layer network of the memory baseline.

    One without entries is the data file of the network beside it, which has its name.
    """

    runtime: Runtime
    kind: ModelKind
    precision: Precision = "fp32"
    entries: tuple[Entry, ...]
    forms: dict[str, LayerForm] = Field(default_factory=dict)
    """Of layers that tasks share in part, by their name in the first task."""

    def has(self, task: str) -> bool:
        """Whether some entry serves that task."""
        return any(entry.task == task for entry in self.entries)

    def entry(self, task: str) -> str:
        """What the entry that serves that task is called; KeyError if none does."""
        return self.serving(task).entry

    def serving(self, task: str) -> Entry:
        """The entry that serves that task; KeyError if none does."""
        for entry in self.entries:
            if entry.task == task:
                return entry
        raise KeyError(task)


class Sharing(Document):
    """Bytes of the joint network's weights in fp32: used by all tasks, and by each alone."""

    shared_bytes: Bytes
    private_bytes: dict[TaskName, Bytes]


class Tolerance(Document):
    """Largest allowed |device − golden| is `absolute` + `relative` · max|golden|."""

    absolute: float
    relative: float


class Bundle(Document):
    """The manifest, `bundle.json`."""

    format: Literal[1] = 1
    tasks: tuple[Task, ...]
    tiny: Task
    """The tiny network as a task of its own; its golden outputs stand under `separate`."""
    models: tuple[ModelFile, ...]
    data: tuple[File, ...]
    """Golden inputs and outputs."""
    sharing: Sharing
    tolerance: Tolerance
    notes: tuple[str, ...] = ()
    """What the files cannot do as the joint network does."""
    plan_sha256: Sha256 | None = None
    """Of the `zip/plan.json` that made the joint network; None where no zip made it."""
    versions: dict[str, str]
    """Package name → version that made the files (torch, executorch, litert-torch, …)."""

    @model_validator(mode="after")
    def _refers_only_to_what_it_holds(self) -> Self:
        tasks = {task.name for task in self.tasks} | {self.tiny.name}
        if len(tasks) != len(self.tasks) + 1:
            raise ValueError("two tasks have the same name")
        paths = [file.path for file in (*self.models, *self.data)]
        if len(paths) != len(set(paths)):
            raise ValueError("two files have the same path")
        unknown = {e.task for model in self.models for e in model.entries} - tasks
        if unknown:
            raise ValueError(f"models name tasks that the bundle lacks: {sorted(unknown)}")
        known = {file.path for file in self.data}
        for task in (*self.tasks, self.tiny):
            golden = {*task.golden_inputs, *sum(task.golden_outputs.values(), ())}
            if golden - known:
                raise ValueError(f"task {task.name}: not listed in data: {sorted(golden - known)}")
        for model in self.models:
            golden = {path for entry in model.entries for path in entry.golden_outputs}
            if golden - known:
                raise ValueError(f"{model.path}: not listed in data: {sorted(golden - known)}")
        return self

    def model(self, runtime: Runtime, kind: ModelKind, task: str) -> ModelFile:
        """The file of that runtime and kind that has an entry for `task`; KeyError if none."""
        for model in self.models:
            if (model.runtime, model.kind) == (runtime, kind) and model.has(task):
                return model
        raise KeyError((runtime, kind, task))
