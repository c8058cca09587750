"""What a comparison says, in words that terminal, Markdown and page share."""

from taskzip.benchmarks.units import (
    ABSENT,
    format_change,
    format_figure,
    grouped,
    signed,
)
from taskzip.benchmarks.words import METRIC_SHORT, origin_words
from taskzip.contracts.sidebyside import ComparedFigure, SideBySide

SIZES = ("storage_bytes", "pss_above_start_bytes")
VERDICTS = ("slower", "larger", "undecided", "faster", "smaller", "equivalent")
"""In the order in which they are counted."""


def side_lines(comparison: SideBySide) -> tuple[str, ...]:
    """Each side with its path and sessions; what they have in common."""
    return tuple(
        f"{side.name}: {side.path}{f' ({side.sessions} sessions)' if side.sessions > 1 else ''}"
        for side in comparison.sides
    )


def conditions_line(comparison: SideBySide) -> str:
    """The conditions of the reference, which all share but for what was allowed to differ."""
    return origin_words(comparison.sides[0].conditions)


def allowed_lines(comparison: SideBySide) -> tuple[str, ...]:
    """What differs and was allowed to."""
    return tuple(
        f"allowed to differ: {each.field} "
        f"({'; '.join(f'{name}: {value}' for name, value in each.values.items())})"
        for each in comparison.allowed
    )


def figure_cells(figure: ComparedFigure) -> tuple[str, ...]:
    """What stands in a line of a table, but for the verdict."""
    return (
        figure_words(figure),
        median_words(figure, 0),
        median_words(figure, 1),
        format_change(figure.ratio),
        interval_words(figure),
        effect_words(figure),
        samples_words(figure),
        decides_words(figure),
    )


def note_lines(comparison: SideBySide) -> tuple[str, ...]:
    """What limits the comparison."""
    missing = (f"only in {name}: {', '.join(cells)}" for name, cells in comparison.only_in.items())
    return (*comparison.notes, *missing)


def counts_line(figures: tuple[ComparedFigure, ...]) -> str:
    """How many figures have which verdict."""
    counts = ((sum(f.verdict == verdict for f in figures), verdict) for verdict in VERDICTS)
    return ", ".join(f"{count} {verdict}" for count, verdict in counts if count)


def figure_words(figure: ComparedFigure) -> str:
    """What is compared, in a word or two."""
    return METRIC_SHORT[figure.metric]


def median_words(figure: ComparedFigure, side: int) -> str:
    """A side's median with its unit."""
    return format_figure(figure.metric, figure.sampled[side].median)


def interval_words(figure: ComparedFigure) -> str:
    """The interval of the change, `−0.12 … +0.40 %`."""
    if figure.ci95 is None:
        return ABSENT
    low, high = figure.ci95
    return f"{format_change(low).removesuffix(' %')} … {format_change(high)}"


def told_words(figure: ComparedFigure) -> str:
    """The figure in a line: `12.1 ms, +0.07 % (−0.02 … +0.16 %), 7 samples, equivalent`."""
    return (
        f"median {median_words(figure, 1)}, {format_change(figure.ratio)} "
        f"({interval_words(figure)}), {figure.sampled[1].samples} samples, {figure.verdict}"
    )


def samples_words(figure: ComparedFigure) -> str:
    """Samples of both sides, once if equal, and how many lie far out: `25`, `25, 20 (0, 2)`."""
    if figure.metric in SIZES:
        return ABSENT
    outliers = [each.outliers for each in figure.sampled]
    counts = ", ".join(dict.fromkeys(grouped(each.samples) for each in figure.sampled))
    return f"{counts} ({outliers[0]}, {outliers[1]})" if any(outliers) else counts


def decides_words(figure: ComparedFigure) -> str:
    """How many samples, or of what else, a side needs: `40`, `12 blocks`, `3 sessions`."""
    if figure.p_different is None:
        return ABSENT
    if figure.to_decide is None:
        return "no number"
    count, level = grouped(figure.to_decide.count), figure.to_decide.level
    return count if level == "sample" else f"{count} {level}s"


def effect_words(figure: ComparedFigure) -> str:
    """Cliff's delta, `+0.31`."""
    return ABSENT if figure.cliffs_delta is None else signed(figure.cliffs_delta)
