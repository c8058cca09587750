"""The `deploy` command: its verbs, and how errors become messages and exit codes."""

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from taskzip import __version__
from taskzip.cli import (
    bench,
    clean,
    compare,
    device,
    doctor,
    export,
    history,
    inspect,
    nightly,
    push,
    report,
    zip_and_push,
)
from taskzip.cli import zip as zip_verb
from taskzip.cli.interrupts import INTERRUPTS
from taskzip.cli.terminal import say_error
from taskzip.contracts.errors import TaskzipError

app = typer.Typer(
    name="deploy",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Zip trained networks of several tasks into one, export it, and measure on an ARM "
    "device what switching tasks costs.",
    epilog="Exit codes: 0 done, 1 a check failed, 2 bad input, 3 device trouble, 130 interrupted.",
)
app.command("zip-and-push")(zip_and_push.zip_and_push)
app.command("zip")(zip_verb.zip_networks)
app.command("export")(export.export_networks)
app.command("inspect")(inspect.inspect_files)
app.command("push")(push.push_bundle)
app.command("bench")(bench.bench_bundle)
app.command("report")(report.show_report)
app.command("compare")(compare.compare_measured)
app.command("nightly")(nightly.nightly)
app.add_typer(history.app, name="history")
app.command("clean")(clean.clean_devices)
app.add_typer(device.app, name="device")
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deploy {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that come before a verb."""


def run() -> None:
    """Run `deploy` as a process."""
    INTERRUPTS.listen()
    invoke(sys.argv[1:])


def invoke(words: Sequence[str]) -> NoReturn:
    """Run a command; an error that was written for the user becomes a message and an exit code."""
    try:
        app(words)
    except TaskzipError as error:
        say_error(str(error))
        sys.exit(error.exit_code)
    sys.exit(0)
