"""What a job asks of a comparison: `--fail-on slower:2%`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log

from taskzip.benchmarks.compare.ratio import ALPHA, Ratio
from taskzip.benchmarks.compare.sidebyside import cell_name
from taskzip.benchmarks.units import format_change
from taskzip.benchmarks.words import METRIC_SHORT
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.sidebyside import ComparedFigure, SideBySide

KINDS = ("slower", "larger", "undecided", "unproven")
_PERCENT = re.compile(r"(?P<number>\d+(\.\d+)?)\s*%")


def parse_percent(text: str, option: str) -> float:
    """`2%` as 0.02; BadInput when it is not a percentage between 0 and 100."""
    match = _PERCENT.fullmatch(text.strip())
    if not match or not 0 < (value := float(match["number"]) / 100) < 1:
        raise BadInput(f"{option} {text}: give a percentage above 0 and below 100, such as 2%")
    return value


@dataclass(frozen=True)
class Gate:
    """A condition on which a job fails."""

    kind: str
    limit: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """`slower`, `slower:2%`, `larger:1%`, `undecided`, `unproven:2%`; else BadInput."""
        kind, colon, percent = text.partition(":")
        if kind not in KINDS or (kind == "undecided" and colon):
            raise BadInput(
                f"--fail-on {text}: give slower, slower:2%, larger, larger:1%, undecided or "
                "unproven:2%"
            )
        if kind == "unproven" and not colon:
            raise BadInput("--fail-on unproven: say how much slower would be too much, unproven:2%")
        return cls(kind, parse_percent(percent, f"--fail-on {kind}:") if colon else 0.0)

    def fails(self, figure: ComparedFigure) -> bool:
        """Whether a figure is what the job must not let pass."""
        return _FAILS[self.kind](figure, self.limit)


def check_gates(comparison: SideBySide, gates: Sequence[Gate]) -> None:
    """CheckFailed when a figure fails a gate; the worst is named."""
    failed = [figure for figure in comparison.figures if any(g.fails(figure) for g in gates)]
    if failed:
        worst = max(failed, key=lambda figure: figure.ratio)
        raise CheckFailed(
            f"{len(failed)} of {len(comparison.figures)} figures fail; the worst: "
            f"{cell_name(worst)}, {METRIC_SHORT[worst.metric]}: {worst.other} is "
            f"{format_change(worst.ratio)}, {worst.verdict}"
        )


def _is_slower(figure: ComparedFigure, limit: float) -> bool:
    return figure.verdict == "slower" and figure.ratio >= 1 + limit


def _is_larger(figure: ComparedFigure, limit: float) -> bool:
    return figure.verdict == "larger" and figure.ratio >= 1 + limit


def _is_undecided(figure: ComparedFigure, _limit: float) -> bool:
    return figure.verdict == "undecided"


def _is_unproven(figure: ComparedFigure, limit: float) -> bool:
    """Whether it is not shown, at 5 %, that a latency is at most so much slower."""
    if figure.log_standard_error is None:
        return False
    freedom = inf if figure.degrees_of_freedom is None else figure.degrees_of_freedom
    ratio = Ratio(log(figure.ratio), figure.log_standard_error, freedom)
    is_shown = ratio.p_below(1 + max(limit, figure.finest)) <= ALPHA
    return figure.p_equivalent is None or not is_shown


_FAILS: dict[str, Callable[[ComparedFigure, float], bool]] = {
    "slower": _is_slower,
    "larger": _is_larger,
    "undecided": _is_undecided,
    "unproven": _is_unproven,
}
