"""The cases' tables as Markdown."""

from collections.abc import Sequence

from taskzip.benchmarks.units import signed
from taskzip.benchmarks.zip_cases.summary import Finding, Line, Spread

_HEADINGS = (
    "| way | mean increase, points | size / one network | iterations | seconds |",
    "| --- | --- | --- | --- | --- |",
)


def case_table(name: str, lines: Sequence[Line]) -> str:
    """A case: a row for each way of zipping it."""
    rows = [
        f"| {line.way} | {_points(line.increase_points)} | {line.size_of_one.mean:.3f} "
        f"| {'' if line.iterations is None else line.iterations} | {line.seconds:.0f} |"
        for line in lines
    ]
    return "\n".join([f"## {name}", "", *_HEADINGS, *rows, ""])


def bar_table(findings: Sequence[Finding]) -> str:
    """All bars with what was measured."""
    rows = [
        f"| {each.case} | {each.what} | ≤ {each.bar:g} "
        f"| {'not measured' if each.found is None else f'{each.found:.3f}'} "
        f"| {'yes' if each.holds else '**no**'} |"
        for each in findings
    ]
    headings = ["| case | what | bar | measured | holds |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(["## Bars", "", *headings, *rows, ""])


def _points(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    if spread.count == 1:
        return signed(spread.mean)
    between = f"{signed(spread.least)} … {signed(spread.most)}"
    return f"{signed(spread.mean)} ({between}, n = {spread.count})"
