"""A RunSpec: what one runner process is asked to do. Written by the harness, read by C++."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskzip.contracts.document import Document
from taskzip.contracts.names import (
    CONTRACT_VERSION,
    CacheState,
    Count,
    Deployment,
    DType,
    RelativePath,
    Runtime,
    TaskName,
)

Mode = Literal["latency", "memory", "parity"]


class RunTensor(Document):
    """A tensor of a task; `file` holds an input's raw bytes, or receives an output's."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    file: RelativePath


class RunTask(Document):
    """A task as the runner sees it: a model file, an entry in it, inputs and outputs."""

    name: TaskName
    model: RelativePath
    entry: str
    inputs: tuple[RunTensor, ...]
    outputs: tuple[RunTensor, ...]


class RunSpec(Document):
    """One process: one runtime, one deployment, one cache state, one mode.

    All paths are relative to the runner's working folder. Modes:

    - `latency`: load as the deployment says, then walk `sequence`. Each step is a switch to that
      task, its first output, and `inferences` further inferences, all timed.
    - `memory`: the same walk, untimed; memory is read after each phase and sampled for the peak.
    - `parity`: every task once, outputs written to their files.

    Step 0 loads what the deployment keeps loaded and is reported as `load`, not as a switch;
    the first `warmups` steps of `sequence` are marked as warm-ups.
    """

    contract: int = CONTRACT_VERSION
    run: RelativePath
    runtime: Runtime
    deployment: Deployment
    cache: CacheState
    packed_cache: bool
    mode: Mode
    tasks: tuple[RunTask, ...]
    tiny: RunTask
    packed_dir: RelativePath | None
    """Folder for the runtime's packed-weight caches; None where `packed_cache` is false."""
    sequence: tuple[Count, ...]
    """Indexes into `tasks`; neighbours differ, so that every step is a switch."""
    warmups: Count
    inferences: Count
    memory_every: Count = 0
    """Steps of a `memory` walk after which memory is read; 0: at its end alone."""
    memory_limit_bytes: Annotated[int, Field(gt=0)] | None = None
    """Of the process and the pages that it brings into the page cache; what starts it sets it."""
    threads: int = 1
    lru_k: Annotated[int, Field(ge=1)] | None = None
    """Files that `separate-lru` keeps loaded; None for every other deployment."""
    start_on_tick: bool = False
    """Start whatever is timed just after a tick of the kernel's timer: on a device that counts
    instructions each sample then meets as many ticks. Elsewhere it would change what is measured.
    """

    @model_validator(mode="after")
    def _is_runnable(self) -> Self:
        if self.packed_cache != (self.packed_dir is not None):
            raise ValueError("packed_dir goes with packed_cache")
        if (self.deployment == "separate-lru") != (self.lru_k is not None):
            raise ValueError("lru_k goes with separate-lru")
        if any(index >= len(self.tasks) for index in self.sequence):
            raise ValueError(f"sequence names a task beyond the {len(self.tasks)} given")
        return self
