"""What the runner says, one JSON object a line; `kind` tells which."""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Count, Nanoseconds, RelativePath, Runtime, TaskName

Phase = Literal["runtime", "start", "loaded", "first_output", "switched", "unloaded"]


class Hello(Document):
    """The first line: which runner this is. The harness stops on another contract."""

    kind: Literal["hello"] = "hello"
    contract: int
    runner_version: str
    runtime: Runtime
    runtime_version: str
    pid: Count


class Load(Document):
    """Loading everything that the deployment keeps loaded, before the first step."""

    kind: Literal["load"] = "load"
    load_ns: Nanoseconds
    open_ns: Nanoseconds
    prepare_ns: Nanoseconds
    resident_fraction: Annotated[float, Field(ge=0, le=1)]
    """Part of the model files' pages in the page cache just before (mincore)."""
    minor_faults: Count
    major_faults: Count


class Switch(Document):
    """One step: from the request for `task` to its first output, and steady inferences after.

    `switch_ns` ends when the task is ready to invoke; it is the sum of `unload_ns`, `open_ns`
    and `prepare_ns` and the little between. `first_output_ns` starts at the same request and
    includes the switch. Each of `inference_ns` is one whole inference of the same task after it,
    inputs written and outputs read as in the first.
    """

    kind: Literal["switch"] = "switch"
    index: Count
    task: TaskName
    warmup: bool
    switch_ns: Nanoseconds
    unload_ns: Nanoseconds
    open_ns: Nanoseconds
    prepare_ns: Nanoseconds
    first_output_ns: Nanoseconds
    inference_ns: tuple[Nanoseconds, ...]
    resident_fraction: Annotated[float, Field(ge=0, le=1)]
    """Part of the pages of the files this switch reads that was in the page cache before it."""
    minor_faults: Count
    major_faults: Count


class MemoryPart(Document):
    """A part of a process's memory."""

    pss_bytes: Bytes
    uss_bytes: Bytes


class MemoryParts(Document):
    """Whose the memory of a process is: each of its mappings (smaps) is in one part."""

    model: MemoryPart
    """Pages of the model files."""
    packed_cache: MemoryPart
    """Pages of the packed-weight cache files."""
    heap: MemoryPart
    """Memory without a file: malloc, arenas, and weights that are packed in memory."""
    code: MemoryPart
    """Pages of other files: the runner and its libraries."""
    other: MemoryPart
    """The stack, what the kernel maps, devices."""

    def all(self) -> tuple[MemoryPart, ...]:
        """Every part, in the order above."""
        return (self.model, self.packed_cache, self.heap, self.code, self.other)


class Memory(Document):
    """The process at the end of a phase, from /proc/self/smaps; peaks since the phase before."""

    kind: Literal["memory"] = "memory"
    phase: Phase
    pss_bytes: Bytes
    uss_bytes: Bytes
    anonymous_bytes: Bytes
    file_bytes: Bytes
    peak_pss_bytes: Bytes
    peak_rss_bytes: Bytes
    """VmHWM, since the process began."""
    parts: MemoryParts | None = None
    """They add up to `pss_bytes` and `uss_bytes`; None in records of runners of contract 1."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        each = self.parts.all() if self.parts else ()
        for name in ("pss_bytes", "uss_bytes"):
            whole = getattr(self, name)
            parts = sum(getattr(part, name) for part in each)
            if each and parts != whole:
                raise ValueError(f"the parts add up to {parts}, not to {name}, which is {whole}")
        return self


class Output(Document):
    """An output of a task was written."""

    kind: Literal["output"] = "output"
    task: TaskName
    name: str
    file: RelativePath
    bytes: Bytes


class Failure(Document):
    """The run ended early; nothing follows."""

    kind: Literal["failure"] = "failure"
    code: Annotated[str, Field(max_length=64)]
    message: Annotated[str, Field(max_length=4000)]


class Done(Document):
    """The run ended well; nothing follows."""

    kind: Literal["done"] = "done"
    packed_cache_bytes: Bytes
    """Size of the packed-weight cache files after the run."""


Event = Annotated[
    Hello | Load | Switch | Memory | Output | Failure | Done, Field(discriminator="kind")
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
