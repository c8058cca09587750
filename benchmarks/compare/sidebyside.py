"""From sources to the document: verdicts, held to the correction for all figures together."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from math import isinf
from pathlib import Path
from statistics import median

from taskzip.benchmarks.compare.conditions import allowed_differences
from taskzip.benchmarks.compare.figures import WITHIN, Tested, tested_figures
from taskzip.benchmarks.compare.holm import holm
from taskzip.benchmarks.compare.levels import Taken
from taskzip.benchmarks.compare.ratio import ALPHA, need
from taskzip.benchmarks.compare.samples import cliffs_delta, count_outliers
from taskzip.benchmarks.compare.source import Source, read_source
from taskzip.contracts.errors import BadInput
from taskzip.contracts.record import Cell
from taskzip.contracts.report import Verdict
from taskzip.contracts.sidebyside import (
    ComparedFigure,
    Need,
    PairedSwitch,
    Sampled,
    Side,
    SideBySide,
)

NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read_sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """What lies at two or more paths, named A, B, …; BadInput when it cannot be compared."""
    if not 1 < len(paths) <= len(NAMES):
        raise BadInput(
            f"{len(paths)} given: name at least two to compare, and at most {len(NAMES)}"
        )
    return tuple(read_source(name, path) for name, path in zip(NAMES, paths, strict=False))


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
    tested = [
        (other.name, each)
        for other in others
        for each in tested_figures(reference, other, clock, margin)
    ]
    if not tested:
        raise BadInput(
            f"{', '.join(str(source.path) for source in sources)} have no measured cell in common"
        )
    return SideBySide(
        sides=tuple(map(_side, sources)),
        allowed=allowed,
        figures=tuple(_figures(reference.name, tested)),
        switches=tuple(_switches(sources)),
        only_in=_only_in(sources),
        notes=tuple(_notes(sources)),
    )


def _figures(reference: str, tested: Sequence[tuple[str, Tested]]) -> Iterator[ComparedFigure]:
    sampled = [index for index, (_, each) in enumerate(tested) if each.is_tested]
    corrected = dict(
        zip(sampled, holm([tested[i][1].ratio.p_different() for i in sampled]), strict=True)
    )
    for index, (other, each) in enumerate(tested):
        yield _figure(reference, other, each, corrected.get(index), len(sampled))


def _figure(
    reference: str, other: str, each: Tested, p_corrected: float | None, tests: int
) -> ComparedFigure:
    ratio, sampled, tested = each.ratio, each.spread is not None, each.is_tested
    freedom = ratio.degrees_of_freedom
    verdict, reason = _judge(each, p_corrected)
    estimate = ratio.estimate
    return ComparedFigure(
        **each.cell.model_dump(),
        metric=each.metric,
        reference=reference,
        other=other,
        sampled=(_sampled(each.sides[0]), _sampled(each.sides[1])),
        ratio=estimate.value,
        ci95=(estimate.low, estimate.high) if sampled else None,
        log_standard_error=ratio.standard_error if sampled else None,
        degrees_of_freedom=freedom if sampled and not isinf(freedom) else None,
        paired=each.paired,
        finest=each.finest,
        within=each.within,
        cliffs_delta=cliffs_delta(*(s.values for s in each.sides)) if sampled else None,
        p_different=ratio.p_different() if tested else None,
        p_corrected=p_corrected,
        p_equivalent=ratio.p_within(each.within) if tested else None,
        verdict=verdict,
        reason=reason,
        to_decide=_to_decide(each, tests),
    )


def _judge(each: Tested, p_corrected: float | None) -> tuple[Verdict, str | None]:
    """What the other is; a difference must be surely there, and be more than the margin."""
    ratio = each.ratio.estimate.value
    beyond = not 1 - each.within <= ratio <= 1 + each.within
    if each.spread is None:
        return (("larger" if ratio > 1 else "smaller") if beyond else "equivalent"), None
    if p_corrected is None:
        return "undecided", each.trouble
    if each.ratio.p_within(each.within) <= ALPHA:
        return "equivalent", None
    if beyond and p_corrected <= ALPHA:
        return ("slower" if ratio > 1 else "faster"), None
    return "undecided", _why_open(each, beyond)


def _why_open(each: Tested, beyond: bool) -> str:
    if beyond and each.ratio.p_different() <= ALPHA:
        return "the difference does not outlast the correction for all figures compared"
    if beyond:
        return "the difference may be chance"
    return "the ratio is within the margin, its interval is not"


def _to_decide(each: Tested, tests: int) -> Need | None:
    if each.spread is None or not each.is_tested:
        return None
    level = each.spread.level
    taken = max(side.count(level) for side in each.sides)
    return need(each.ratio.times_to_decide(each.within, ALPHA / tests), taken, level)


def _sampled(side: Taken) -> Sampled:
    return Sampled(
        median=side.median,
        sessions=side.count("session"),
        blocks=side.count("block"),
        samples=len(side.values),
        outliers=count_outliers(side.values),
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


def cell_name(cell: Cell | ComparedFigure | PairedSwitch) -> str:
    """`litert separate-swap cold packed`."""
    packed = " packed" if cell.packed_cache else ""
    return f"{cell.runtime} {cell.deployment} {cell.cache}{packed}"


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
