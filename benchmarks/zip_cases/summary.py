"""What the cases came to: mean and spread over the seeds, and whether the bars hold."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskzip.contracts.zipcases import Case, CaseBar, CaseZip


@dataclass(frozen=True)
class Spread:
    """Of a number over a case's seeds."""

    mean: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None where nothing was measured."""
        if not values:
            return None
        return cls(statistics.fmean(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Line:
    """A way of zipping a case."""

    case: str
    way: str
    increase_points: Spread | None
    size_of_one: Spread
    size_ratio: Spread
    iterations: int | None
    seconds: float
    """The median."""


@dataclass(frozen=True)
class Finding:
    """A bar, what was measured if anything was, and whether it holds."""

    case: str
    what: str
    bar: float
    found: float | None

    @property
    def holds(self) -> bool:
        """Whether a number was measured and is within the bar."""
        return self.found is not None and self.found <= self.bar


def lines_of(case: Case, zips: Sequence[CaseZip]) -> list[Line]:
    """A line for each way, the smallest error first."""
    ways: dict[str, list[CaseZip]] = {}
    for each in zips:
        if each.case == case.name:
            ways.setdefault(_way(each), []).append(each)
    lines = [_line(case.name, way, members) for way, members in ways.items()]
    return sorted(lines, key=_error)


def findings_of(case: Case, own: str, zips: Sequence[CaseZip]) -> Iterator[Finding]:
    """Each bar against the mean over the seeds of the config's own way."""
    for bar in case.bars:
        found = [
            each
            for each in zips
            if each.case == case.name
            and _untrained(each) == own
            and (each.iterations is not None) == bar.retrained
        ]
        yield from _against(case.name, bar, found)


def _against(case: str, bar: CaseBar, found: Sequence[CaseZip]) -> Iterator[Finding]:
    when = "after retraining" if bar.retrained else "without retraining"
    increases = [each.increase_points for each in found if each.increase_points is not None]
    limits = (
        (f"mean increase, points, {when}", bar.max_increase_points, increases, statistics.fmean),
        (
            f"size / one network, {when}",
            bar.max_size_of_one,
            [each.size_of_one for each in found],
            statistics.fmean,
        ),
        ("iterations", bar.max_iterations, [each.iterations or 0 for each in found], max),
    )
    for what, limit, values, summarise in limits:
        if limit is not None:
            yield Finding(case, what, limit, float(summarise(values)) if values else None)


def _line(case: str, way: str, members: Sequence[CaseZip]) -> Line:
    increases = [each.increase_points for each in members if each.increase_points is not None]
    size_of_one = Spread.of([each.size_of_one for each in members])
    size_ratio = Spread.of([each.size_ratio for each in members])
    if size_of_one is None or size_ratio is None:
        raise ValueError(f"{case}, {way}: nothing was zipped")
    iterations = [each.iterations for each in members if each.iterations is not None]
    return Line(
        case=case,
        way=way,
        increase_points=Spread.of(increases),
        size_of_one=size_of_one,
        size_ratio=size_ratio,
        iterations=max(iterations, default=None),
        seconds=statistics.median(each.seconds for each in members),
    )


def _way(found: CaseZip) -> str:
    return _untrained(found) + (", retrained" if found.iterations is not None else "")


def _untrained(found: CaseZip) -> str:
    return way_name(found.method, refit=found.refit)


def way_name(method: str, *, refit: bool) -> str:
    """As tables call it."""
    return f"{method}, refit" if refit else method


def _error(line: Line) -> float:
    return float("inf") if line.increase_points is None else line.increase_points.mean
