"""The report as rich renderables, for a terminal of 100 columns; printing is the caller's."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from taskzip.benchmarks.energy import energy_words
from taskzip.benchmarks.settings import (
    has_own_memory,
    parts_above_start_bytes,
    pss_above_start_bytes,
)
from taskzip.benchmarks.units import format_interval, format_mib, format_ns, format_ratio
from taskzip.benchmarks.words import (
    METRIC_SHORT,
    PART_WORDS,
    bar_words,
    clock_words,
    origin_words,
)
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.report import Comparison, Parity, Report, Row

_GOOD, _BAD, _OPEN = "green", "red", "yellow"
VERDICT_STYLE = {
    "faster": _GOOD,
    "smaller": _GOOD,
    "equivalent": _GOOD,
    "slower": _BAD,
    "larger": _BAD,
    "undecided": _OPEN,
}

_LAYOUT: dict[str, Any] = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0), "title_justify": "left"}


def render_report(report: Report) -> RenderableType:
    """Everything: conditions, rows of each runtime, comparisons, parity."""
    runtimes = [runtime for runtime in RUNTIMES if any(r.runtime == runtime for r in report.rows)]
    return Group(
        render_conditions(report),
        *(render_rows(report, runtime) for runtime in runtimes),
        *(render_memory(report, runtime) for runtime in runtimes),
        *(render_comparisons(report, runtime) for runtime in runtimes),
        render_parity(report.parity),
    )


def render_conditions(report: Report) -> RenderableType:
    """What the numbers are, a line each."""
    conditions = report.conditions
    return Text.assemble(
        (origin_words(conditions), "bold"),
        *("\n", (clock_words(conditions), "dim")),
        *("\n", (energy_words(report), "dim")),
    )


def render_rows(report: Report, runtime: Runtime) -> RenderableType:
    """One line per cell of a runtime."""
    title = f"{runtime}: sizes in MiB, PSS and its peak above start, medians of latency"
    table = Table(title=title, **_LAYOUT)
    for name in ("deployment", "cache", "packed"):
        table.add_column(name, no_wrap=True)
    for name in ("storage", "PSS", "peak", "switch", "first\noutput", "inference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("valid", no_wrap=True)
    before = None
    for row in (row for row in report.rows if row.runtime == runtime):
        if before and before != row.deployment:
            table.add_section()
        table.add_row(*_cells(row))
        before = row.deployment
    return Group(table, *_reasons(report, runtime))


def render_memory(report: Report, runtime: Runtime) -> RenderableType:
    """What the memory above start is, one line per cell whose memory was read."""
    table = Table(title=f"{runtime}: PSS above start by what it holds, MiB", **_LAYOUT)
    for name in ("deployment", "cache", "packed"):
        table.add_column(name, no_wrap=True)
    for name in (*PART_WORDS.values(), "all"):
        table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    rows = [row for row in report.rows if row.runtime == runtime and has_own_memory(row)]
    for row in rows:
        parts = parts_above_start_bytes(row)
        if parts is not None:
            sizes = (*(parts[name] for name in PART_WORDS), sum(parts.values()))
            packed = "yes" if row.packed_cache else "no"
            table.add_row(row.deployment, row.cache, packed, *map(format_mib, sizes))
    return table if table.row_count else Text()


def render_comparisons(report: Report, runtime: Runtime) -> RenderableType:
    """Joint against separate, one line per comparison."""
    table = Table(title=f"{runtime}: joint against separate, 95 % intervals", **_LAYOUT)
    table.add_column("figure", no_wrap=True)
    table.add_column("ratio of")
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("interval", justify="right", no_wrap=True)
    table.add_column("bar", no_wrap=True)
    table.add_column("joint is", no_wrap=True)
    for comparison in report.comparisons:
        if comparison.runtime == runtime:
            table.add_row(
                METRIC_SHORT[comparison.metric],
                comparison.expression.split(": ")[-1],
                format_ratio(comparison.ratio),
                format_interval(comparison.ci95),
                _bar(comparison),
                Text(comparison.verdict, style=VERDICT_STYLE[comparison.verdict]),
            )
    return table


def render_parity(parity: tuple[Parity, ...]) -> RenderableType:
    """One line when every output is right, else a table of those that are not."""
    wrong = [result for result in parity if not result.ok]
    if not wrong:
        return Text(
            f"Parity: all {len(parity)} outputs on the device agree with the host's.", style=_GOOD
        )
    table = Table(title="outputs that do not agree with the host's", **_LAYOUT)
    for name in ("file", "task", "packed cache", "largest error", "allowed"):
        table.add_column(name)
    for result in wrong:
        error = result.max_abs_error
        table.add_row(
            result.file,
            result.task,
            "yes" if result.packed_cache else "no",
            "missing or not finite" if error is None else f"{error:.2e}",
            f"{result.allowed:.2e}",
        )
    return table


def _cells(row: Row) -> tuple[RenderableType, ...]:
    peak = row.peak_pss_bytes, row.start_pss_bytes
    return (
        row.deployment,
        row.cache,
        "yes" if row.packed_cache else "no",
        format_mib(row.storage_bytes),
        format_mib(pss_above_start_bytes(row)),
        format_mib(None if None in peak else peak[0] - peak[1]),  # type: ignore[operator]
        format_ns(row.switch_ns.median),
        format_ns(row.first_output_ns.median),
        format_ns(row.inference_ns.median),
        Text("yes", style=_GOOD) if row.valid else Text("no", style=_BAD),
    )


def _reasons(report: Report, runtime: Runtime) -> list[RenderableType]:
    return [
        Text(
            f"not valid: {row.deployment} {row.cache}, "
            f"{'' if row.packed_cache else 'no '}packed cache: {'; '.join(row.reasons)}",
            style=_BAD,
        )
        for row in report.rows
        if row.runtime == runtime and not row.valid
    ]


def _bar(comparison: Comparison) -> Text:
    style = {True: _GOOD, False: _BAD, None: _OPEN}[comparison.holds]
    return Text(bar_words(comparison), style=style if comparison.bar else "")
