"""The report as one page that needs nothing else: no network, no script."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from taskzip.benchmarks import units, words
from taskzip.benchmarks.energy import energy_words
from taskzip.benchmarks.headlines import make_headlines
from taskzip.benchmarks.heatmap import heatmap_svg, heatmap_words, tasks_of
from taskzip.benchmarks.plots import (
    latency_svg,
    memory_svg,
    parts_svg,
    split_svg,
    storage_svg,
)
from taskzip.benchmarks.settings import has_own_memory, pss_above_start_bytes
from taskzip.benchmarks.statistics import EQUIVALENT_WITHIN, SHORTEST_NS
from taskzip.benchmarks.switching import split_words
from taskzip.benchmarks.treemap import blocks_of, files_of, treemap_svg, treemap_words
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.report import Report, Row


@dataclass(frozen=True)
class Plot:
    """A drawing of one runtime, and its figures in words for those who do not see it."""

    runtime: Runtime
    svg: Markup
    alternative: str


@dataclass(frozen=True)
class PlotGroup:
    """The same subject for every runtime."""

    title: str
    caption: str
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class _Subject:
    title: str
    caption: str
    draw: Callable[[Sequence[Row], str], str]
    figure: Callable[[Row], str]
    has: Callable[[Row], bool] = lambda _: True
    """Whether the row has something of its own to draw."""


_SUBJECTS = (
    _Subject(
        "Storage",
        "Model files, and lighter the packed-weight caches that the runtime writes beside them. "
        "MiB, total at the right.",
        storage_svg,
        lambda row: f"{units.format_mib(row.storage_bytes)} MiB",
    ),
    _Subject(
        "Memory",
        "PSS after switching through all tasks: grey what runner and runtime take, coloured the "
        "networks, the tick the peak. MiB, PSS at the right.",
        memory_svg,
        lambda row: f"{units.format_mib(row.pss_bytes)} MiB",
        has_own_memory,
    ),
    _Subject(
        "What memory holds",
        "The same PSS by what it holds, from left to right: grey the code of runner and runtime, "
        "then the heap (weights packed in memory and arenas among it), lighter the packed-weight "
        "caches, lightest the model files. MiB.",
        parts_svg,
        words.part_words,
        lambda row: has_own_memory(row) and row.parts is not None,
    ),
    _Subject(
        "Switch",
        "From the request for a task to its being ready. Every dot is a switch, the bar the "
        "median, which stands at the right. Logarithmic.",
        lambda rows, name: latency_svg(rows, "switch_ns", name),
        lambda row: units.format_ns(row.switch_ns.median),
    ),
    _Subject(
        "First output after a switch",
        "From the request for a task to its first output: what a user feels. Every dot is a "
        "switch, the bar the median. Logarithmic.",
        lambda rows, name: latency_svg(rows, "first_output_ns", name),
        lambda row: units.format_ns(row.first_output_ns.median),
    ),
    _Subject(
        "Where a switch goes",
        "Means, from the request to the first output, from left to right: grey unloading, then "
        "opening and mapping the file, preparing and packing, choosing the task, what the first "
        "run takes beyond a steady one (faults of what it touches first), lightest the run itself. "
        "The sum stands at the right.",
        split_svg,
        split_words,
        lambda row: row.split is not None,
    ),
    _Subject(
        "From task to task",
        "First output after a switch, the median of each ordered pair: from the task of a line to "
        "that of a column, tasks in the order of their names. Darker is longer, logarithmic, one "
        "scale for all fields of a runtime.",
        heatmap_svg,
        heatmap_words,
        lambda row: len(tasks_of([row])) > _TASKS_OF_A_MATRIX,
    ),
)
_TASKS_OF_A_MATRIX = 2
"""Of so few tasks a matrix says no more than the plots above."""


CONTENTS_TITLE = "What the files hold"
CONTENTS_CAPTION = (
    "Every constant a rectangle with its shape, as large as its bytes: blue what tasks share, "
    "green what one task has in the joint file, red in files of its own, grey the program."
)


def render_html(report: Report) -> str:
    """The page; the same report always gives the same text."""
    runtimes = [r for r in RUNTIMES if any(row.runtime == r for row in report.rows)]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            style=style(),
            title=_title(report),
            headlines=make_headlines(report),
            conditions=words.condition_lines(report.conditions),
            energy=energy_words(report),
            plot_groups=(*_plot_groups(report, runtimes), *_contents(report, runtimes)),
            runtimes=runtimes,
            pss_above_start_bytes=pss_above_start_bytes,
            units=units,
            words=words,
            equivalent_percent=f"{EQUIVALENT_WITHIN * 100:g}",
            shortest_ns=SHORTEST_NS,
        )
    )


def style() -> Markup:
    """The style sheet that pages carry in themselves."""
    sheet = files("taskzip.benchmarks") / "templates/report.css"
    return Markup(sheet.read_text("utf-8"))  # noqa: S704 - our own file


@cache
def environment() -> Environment:
    """Where pages' templates are: all text is escaped, and a name that is missing is an error."""
    return Environment(
        loader=PackageLoader("taskzip.benchmarks"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _title(report: Report) -> str:
    tasks = list(dict.fromkeys(result.task for result in report.parity))
    if not tasks:
        return "What switching costs"
    return f"What switching costs: {', '.join(tasks[:-1])}{' and ' * (len(tasks) > 1)}{tasks[-1]}"


def _plot_groups(report: Report, runtimes: Sequence[Runtime]) -> Iterator[PlotGroup]:
    for number, subject in enumerate(_SUBJECTS):
        plots = []
        for runtime in runtimes:
            rows = [row for row in report.rows if row.runtime == runtime and subject.has(row)]
            if rows:
                svg = Markup(subject.draw(rows, f"plot{number}-{runtime}"))  # noqa: S704 - our own drawing
                plots.append(Plot(runtime, svg, _alternative(subject, rows)))
        if plots:
            yield PlotGroup(subject.title, subject.caption, tuple(plots))


def _contents(report: Report, runtimes: Sequence[Runtime]) -> Iterator[PlotGroup]:
    """What the model files hold, where the export told it."""
    plots = []
    for runtime in runtimes:
        files = files_of(report.ledger, runtime)
        if files:
            svg = Markup(treemap_svg(blocks_of(files), f"files-{runtime}"))  # noqa: S704 - our own drawing
            plots.append(Plot(runtime, svg, treemap_words(files)))
    if plots:
        yield PlotGroup(CONTENTS_TITLE, CONTENTS_CAPTION, tuple(plots))


def _alternative(subject: _Subject, rows: Sequence[Row]) -> str:
    values = (
        f"{row.deployment} {row.cache}{', packed cache' if row.packed_cache else ''}: "
        f"{subject.figure(row)}"
        for row in rows
    )
    return f"{subject.title}. {'; '.join(values)}."
