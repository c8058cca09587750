"""`deploy history`: what was measured, kept for good."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from taskzip.cli.options import AsJson, HistoryPlace
from taskzip.cli.terminal import err, out
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.history import ListedEntry, SubjectName, Trends
from taskzip.contracts.names import CacheState, Deployment, Runtime
from taskzip.contracts.report import REPORT_FILE
from taskzip.contracts.sidebyside import ComparedMetric

app = typer.Typer(no_args_is_help=True, help="Keep what was measured; show how it went on.")

Subject = Annotated[str | None, typer.Option(help="Only of this subject.", show_default="all")]
STREAM = "-"


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="As `deploy compare` takes them.")],
    subject: Annotated[
        str | None,
        typer.Option(help="What was measured.", show_default="the folder's name"),
    ] = None,
    history: HistoryPlace = None,
) -> None:
    """Add what was measured; what is there already stays as it is."""
    from taskzip.benchmarks.compare.source import read_source
    from taskzip.benchmarks.history.entries import entry_of
    from taskzip.benchmarks.history.store import open_history

    named = [(path, _checked(subject or _folder(path).name)) for path in paths]
    entries = [
        entry_of(session, name)
        for path, name in named
        for session in read_source(name, path).sessions
    ]
    with open_history(history) as opened:
        for entry in entries:
            name, is_new = opened.add(entry)
            out.print(f"{name}  {entry.subject}{'' if is_new else ', known'}", highlight=False)


@app.command("list")
def list_(subject: Subject = None, history: HistoryPlace = None, as_json: AsJson = False) -> None:
    """List the entries, the oldest first."""
    from taskzip.benchmarks.history.store import open_history
    from taskzip.benchmarks.history.table import entries_table

    with open_history(history) as opened:
        found = opened.listed(subject)
    if as_json:
        out.print_json(TypeAdapter(tuple[ListedEntry, ...]).dump_json(found).decode())
    else:
        out.print(entries_table(found) if found else "the history is empty")


@app.command()
def show(
    entry: Annotated[str, typer.Argument(help="The first digits of its name.")],
    history: HistoryPlace = None,
    as_json: AsJson = False,
) -> None:
    """Show an entry: its medians, or with --json all of it."""
    from taskzip.benchmarks.history.store import open_history
    from taskzip.benchmarks.history.table import entry_text

    with open_history(history) as opened:
        listed, found = opened.get(entry)
    out.print_json(found.model_dump_json()) if as_json else out.print(entry_text(listed, found))


@app.command()
def trend(
    subject: Subject = None,
    device: Annotated[str | None, typer.Option(help="A part of the device's name.")] = None,
    runtime: Annotated[Runtime | None, typer.Option()] = None,
    deployment: Annotated[Deployment | None, typer.Option()] = None,
    cache: Annotated[CacheState | None, typer.Option()] = None,
    metric: Annotated[ComparedMetric | None, typer.Option()] = None,
    history: HistoryPlace = None,
    as_json: AsJson = False,
) -> None:
    """Show how each figure went on, entry by entry."""
    from taskzip.benchmarks.history.store import open_history
    from taskzip.benchmarks.history.table import trends_table
    from taskzip.benchmarks.history.trends import Wanted, trends

    wanted = Wanted(subject, None, device, runtime, deployment, cache, metric)
    with open_history(history) as opened:
        found = trends(opened, wanted)
    if as_json:
        out.print_json(Trends(trends=found).model_dump_json())
    else:
        out.print(trends_table(found) if found else "no such figure in the history")


@app.command()
def site(
    file: Annotated[Path, typer.Argument(help="The page.")] = Path("history.html"),
    subject: Subject = None,
    history: HistoryPlace = None,
) -> None:
    """Write all trends as a page, which needs nothing else."""
    from taskzip.benchmarks.history.site import render_site
    from taskzip.benchmarks.history.store import open_history
    from taskzip.benchmarks.history.trends import Wanted, trends

    with open_history(history) as opened:
        page = render_site(trends(opened, Wanted(subject)))
    _write(file, page)
    err.print(f"Page: {file}", highlight=False, soft_wrap=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="JSON lines; - is the output.")] = Path(STREAM),
    subject: Subject = None,
    history: HistoryPlace = None,
) -> None:
    """Write every entry as a line of JSON, the oldest first."""
    from taskzip.benchmarks.history.store import open_history

    with open_history(history) as opened:
        if file == Path(STREAM):
            sys.stdout.writelines(f"{line}\n" for line in opened.export_lines(subject))
            return
        text = "".join(f"{line}\n" for line in opened.export_lines(subject))
    _write(file, text)
    err.print(f"Exported: {file}", highlight=False, soft_wrap=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What export wrote; - is the input.")],
    history: HistoryPlace = None,
) -> None:
    """Add the entries of a file, all of them or none."""
    from taskzip.benchmarks.history.store import open_history

    try:
        text = sys.stdin.read() if file == Path(STREAM) else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: cannot be read ({error})") from error
    with open_history(history) as opened:
        new, known = opened.import_lines(text.split("\n"), str(file))
    out.print(f"{new} new, {known} known", highlight=False)


def _write(file: Path, text: str) -> None:
    try:
        write_atomically(file, text.encode())
    except OSError as error:
        raise BadInput(f"{file}: cannot be written ({error.strerror})") from error


def _folder(path: Path) -> Path:
    """Where it was measured; an archive is named after itself."""
    from taskzip.benchmarks.journal import RECORDS_FILE

    path = path.absolute()
    if path.name in (REPORT_FILE, RECORDS_FILE):
        return path.parent
    return path.with_suffix("") if path.suffix == ".zip" else path


def _checked(subject: str) -> str:
    try:
        return TypeAdapter(SubjectName).validate_python(subject)
    except ValueError as error:
        raise BadInput(
            f"{subject!r} cannot name a subject: give --subject, letters, digits, _ . + -"
        ) from error
