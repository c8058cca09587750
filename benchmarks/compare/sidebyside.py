"""From sources to the document."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import median

from taskzip.benchmarks.compare.conditions import allowed_differences
from taskzip.benchmarks.compare.figures import WITHIN, Tested, tested_figures
from taskzip.benchmarks.compare.source import Source, read_source
from taskzip.benchmarks.compare.verdicts import judged_figures
from taskzip.benchmarks.validity import MIN_SAMPLES
from taskzip.contracts.errors import BadInput
from taskzip.contracts.history import Series
from taskzip.contracts.record import Cell
from taskzip.contracts.sidebyside import (
    ComparedFigure,
    PairedSwitch,
    Side,
    SideBySide,
)

_LOADS_NOTE = (
    f"load: a process loads once; {MIN_SAMPLES} blocks or sessions a side would let it be compared"
)
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read_sources(paths: Sequence[Path], history: str | None = None) -> tuple[Source, ...]:
    """What lies at two or more paths, named A, B, …; BadInput when it cannot be compared.

    `history` is where `history:ENTRY` is looked up, None: the user's own.
    """
    if not 1 < len(paths) <= len(NAMES):
        raise BadInput(
            f"{len(paths)} given: name at least two to compare, and at most {len(NAMES)}"
        )
    return tuple(read_source(name, path, history) for name, path in zip(NAMES, paths, strict=False))


def compare(
    sources: Sequence[Source], allow: Collection[str] = (), within: float | None = None
) -> SideBySide:
    """Every source against the first; BadInput when conditions differ or nothing is common.

    `within` is how far from 1 a ratio may be to be equivalent, None: 0.005 with the counted clock,
    0.05 with the real one.
    """
    allowed = allowed_differences(sources, allow)
    clock = sources[0].sessions[0].conditions.clock
    margin = WITHIN[clock] if within is None else within
    reference, others = sources[0], sources[1:]
    found = [
        (other.name, each)
        for other in others
        for each in tested_figures(reference, other, clock, margin)
    ]
    tested = [(name, each) for name, each in found if not _is_single_load(each)]
    if not tested:
        raise BadInput(
            f"{', '.join(str(source.path) for source in sources)} have no measured cell in common"
        )
    return SideBySide(
        sides=tuple(map(_side, sources)),
        allowed=allowed,
        figures=tuple(judged_figures(reference.name, tested)),
        switches=tuple(_switches(sources)),
        only_in=_only_in(sources),
        notes=(*_notes(sources), *([_LOADS_NOTE] if len(tested) < len(found) else [])),
    )


def _side(source: Source) -> Side:
    return Side(
        name=source.name,
        path=str(source.path),
        sessions=len(source.sessions),
        conditions=source.sessions[0].conditions,
    )


def _switches(sources: Sequence[Source]) -> Iterator[PairedSwitch]:
    """Switches from task to task that every source has records of."""
    for cell in sources[0].cells:
        if any(cell not in source.cells for source in sources):
            continue
        pairs = {source.name: [each.pairs for each in source.measured(cell)] for source in sources}
        named = set.intersection(*(set(chain(*each)) for each in pairs.values()))
        for leaves, enters in sorted(named):
            yield PairedSwitch(
                **cell.model_dump(),
                leaves=leaves,
                enters=enters,
                medians_ns={
                    name: median(chain.from_iterable(p.get((leaves, enters), ()) for p in each))
                    for name, each in pairs.items()
                },
            )


def _only_in(sources: Sequence[Source]) -> dict[str, tuple[str, ...]]:
    common = set.intersection(*(set(source.cells) for source in sources))
    found = {
        source.name: tuple(cell_name(cell) for cell in source.cells if cell not in common)
        for source in sources
    }
    return {name: cells for name, cells in found.items() if cells}


def cell_name(cell: Cell | ComparedFigure | PairedSwitch | Series) -> str:
    """`litert separate-swap cold packed`."""
    packed = " packed" if cell.packed_cache else ""
    return f"{cell.runtime} {cell.deployment} {cell.cache}{packed}"


def _is_single_load(each: Tested) -> bool:
    return each.metric == "load_ns" and not each.has_enough


def _notes(sources: Sequence[Source]) -> Iterator[str]:
    single = [source.name for source in sources if len(source.sessions) == 1]
    if single:
        yield (
            f"one session of {' and '.join(single)}: how far sessions differ is not in the "
            "intervals; put several run folders into one folder and compare that"
        )
    steps = [
        source.name
        for source in sources
        if any(each.steps is None for session in source.sessions for each in session.cells.values())
    ]
    if steps:
        yield (
            f"{' and '.join(steps)}: the report is of an older version that does not tell blocks "
            "and steps, so samples are not paired; make it again with deploy report FOLDER"
        )
