"""`deploy compare`: what was measured at different times, or of different bundles."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskzip.cli import options
from taskzip.cli.terminal import err, out
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.sidebyside import SideBySide

if TYPE_CHECKING:
    from taskzip.benchmarks.compare.source import Source


def compare_measured(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B [C]...",
            help="report.json, records.jsonl, an archive of `deploy report --bundle`, a folder "
            "that `deploy bench` wrote, a folder of such folders: several sessions of the same "
            "thing, or history:ENTRY. A is the reference.",
            show_default=False,
        ),
    ],
    within: Annotated[
        str | None,
        typer.Option(
            "--within",
            help="Ratios this near to 1 are equivalent.",
            show_default="0.5% with the counted clock, 5% with the real one",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="FIELD", help="Compare although this condition differs; repeatable."
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="WHAT",
            help="End with 1 when a figure is slower, slower:2%, larger, larger:1%, undecided, or "
            "unproven:2% (not shown to be at most 2 % slower); repeatable.",
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with plots to this file.")
    ] = None,
    history: options.HistoryPlace = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare what was measured: medians, intervals, verdicts, what would decide."""
    from taskzip.benchmarks.compare.gate import Gate, check_gates, parse_percent
    from taskzip.benchmarks.compare.markdown import render_markdown
    from taskzip.benchmarks.compare.sidebyside import compare, read_sources
    from taskzip.benchmarks.compare.table import render_comparison

    if markdown and as_json:
        raise BadInput("--markdown and --json: give one of them")
    gates = [Gate.parse(each) for each in fail_on or ()]
    margin = None if within is None else parse_percent(within, "--within")
    sources = read_sources(paths, history)
    comparison = compare(sources, allow or (), margin)
    if as_json:
        out.print_json(comparison.model_dump_json())
    elif markdown:
        typer.echo(render_markdown(comparison), nl=False)
    else:
        out.print(render_comparison(comparison))
    if html:
        _write_page(comparison, sources, html)
    check_gates(comparison, gates)


def _write_page(comparison: SideBySide, sources: Sequence["Source"], path: Path) -> None:
    from taskzip.benchmarks.compare.page import render_page

    try:
        write_atomically(path, render_page(comparison, sources).encode())
    except OSError as error:
        raise BadInput(f"--html {path}: cannot be written ({error.strerror})") from error
    err.print(f"Page: {path}", highlight=False, soft_wrap=True)
