"""What the runner says, one JSON object a line; `kind` tells which."""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Count, Nanoseconds, RelativePath, Runtime, TaskName

Phase = Literal["runtime", "start", "loaded", "first_output", "walking", "switched", "unloaded"]


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

    `switch_ns` ends when the task is ready to invoke; `unload_ns`, `open_ns`, `prepare_ns` and
    `other_ns` add up to it. `first_output_ns` is that and `first_run_ns`, the first inference with
    the faults of what it touches first. What comes between the two, reading the fault counters, is
    in neither. Each of `inference_ns` is one whole inference of the same task after it,
    inputs written and outputs read as in the first.
    """

    kind: Literal["switch"] = "switch"
    index: Count
    task: TaskName
    leaves: TaskName | None = None
    """The task in use before; None, as all else that may be, in records of contract 2."""
    warmup: bool
    switch_ns: Nanoseconds
    unload_ns: Nanoseconds
    open_ns: Nanoseconds
    prepare_ns: Nanoseconds
    other_ns: Nanoseconds | None = None
    """Of `switch_ns`: choosing the task, and the clock."""
    first_run_ns: Nanoseconds | None = None
    first_output_ns: Nanoseconds
    inference_ns: tuple[Nanoseconds, ...]
    resident_fraction: Annotated[float, Field(ge=0, le=1)]
    """Part of the pages of the files this switch reads that was in the page cache before it."""
    minor_faults: Count
    """Of the switch and the first run."""
    major_faults: Count
    first_minor_faults: Count | None = None
    """Of the first run alone."""
    first_major_faults: Count | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.other_ns is None or self.first_run_ns is None:
            return self
        parts = self.unload_ns + self.open_ns + self.prepare_ns + self.other_ns
        if (parts, self.switch_ns + self.first_run_ns) != (self.switch_ns, self.first_output_ns):
            raise ValueError(
                f"the parts add up to {parts} and {parts + self.first_run_ns}, not to switch_ns "
                f"{self.switch_ns} and first_output_ns {self.first_output_ns}"
            )
        return self


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


class Pressure(Document):
    """What the walk did to the memory of the whole system; None where the system does not tell."""

    kind: Literal["pressure"] = "pressure"
    refaulted_file_pages: Count | None
    """Read again soon after they were reclaimed."""
    refaulted_anonymous_pages: Count | None
    reclaimed_pages: Count | None
    oom_kills: Count | None
    some_stalled_ns: Nanoseconds | None
    """In which some task waited for memory (PSI)."""
    full_stalled_ns: Nanoseconds | None
    """In which no task could go on."""


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
    Hello | Load | Switch | Memory | Pressure | Output | Failure | Done, Field(discriminator="kind")
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
