"""What every figure says, held to the correction for all of them together."""

from collections.abc import Iterator, Sequence
from math import isinf

from taskzip.benchmarks.compare.figures import Tested
from taskzip.benchmarks.compare.holm import holm
from taskzip.benchmarks.compare.levels import Taken
from taskzip.benchmarks.compare.ratio import ALPHA, need
from taskzip.benchmarks.compare.samples import cliffs_delta, count_outliers
from taskzip.contracts.report import Verdict
from taskzip.contracts.sidebyside import ComparedFigure, Need, Sampled


def judged_figures(
    reference: str, tested: Sequence[tuple[str, Tested]]
) -> Iterator[ComparedFigure]:
    """Every figure with what its other side is called, in order."""
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
