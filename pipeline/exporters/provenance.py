"""What a file is told of how it was made."""

from collections.abc import Sequence

from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.provenance import Provenance
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.stamp import ABSENT, installed

_MAKERS: dict[Runtime, tuple[str, ...]] = {
    "executorch": ("executorch", "torchao"),
    "litert": ("litert-torch", "ai-edge-litert", "ai-edge-quantizer"),
}


def versions(runtimes: Sequence[Runtime] = RUNTIMES) -> dict[str, str]:
    """Package → version of what makes such files, as far as it is installed."""
    makers = ("taskzip", "torch", *(name for each in runtimes for name in _MAKERS[each]))
    return {name: found for name, found in installed(makers).items() if found != ABSENT}


def provenance_of(
    entries: Sequence[EntryPoint], runtime: Runtime, plan_sha256: str | None = None
) -> Provenance:
    """The same for the same entries, plan and versions."""
    tasks = tuple(entry.name for entry in entries)
    return Provenance(tasks=tasks, plan_sha256=plan_sha256, versions=versions((runtime,)))
