"""A comparison as Markdown: what is decided first, all figures folded, for a pull request."""

from collections.abc import Iterable, Iterator

from taskzip.benchmarks.compare import words
from taskzip.benchmarks.compare.sidebyside import cell_name
from taskzip.benchmarks.words import clock_words
from taskzip.contracts.sidebyside import ComparedFigure, SideBySide


def render_markdown(comparison: SideBySide) -> str:
    """The text; what users named is escaped."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: SideBySide) -> Iterator[str]:
    yield f"### {words.counts_line(comparison.figures)}"
    yield ""
    yield f"{escaped(words.conditions_line(comparison))}. "
    yield clock_words(comparison.sides[0].conditions)
    yield ""
    for line in (*words.side_lines(comparison), *words.allowed_lines(comparison)):
        yield f"- {escaped(line)}"
    yield ""
    moved = [figure for figure in comparison.figures if figure.verdict != "equivalent"]
    if moved:
        yield from _table(moved)
        yield ""
    yield from (f"> {escaped(line)}" for line in words.note_lines(comparison))
    yield ""
    yield "<details><summary>All figures</summary>"
    yield ""
    yield from _table(comparison.figures)
    yield ""
    yield "</details>"


def _table(figures: Iterable[ComparedFigure]) -> Iterator[str]:
    yield (
        "| | figure | reference | other | change | 95 % interval | effect | samples (out) "
        "| decided by | other is |"
    )
    yield "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --- |"
    for figure in figures:
        verdict = figure.verdict if figure.verdict == "equivalent" else f"**{figure.verdict}**"
        reason = f": {escaped(figure.reason)}" if figure.reason else ""
        cells = (
            f"{figure.other} {cell_name(figure)}",
            *words.figure_cells(figure),
            f"{verdict}{reason}",
        )
        yield f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Text in which nothing is markup."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
