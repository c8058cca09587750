"""How a benchmark command ends when something is wrong: a message, and the error's exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from taskzip.contracts.errors import TaskzipError


@contextmanager
def errors_told() -> Iterator[None]:
    """Within the block, an error written for the user is shown and ends the command."""
    try:
        yield
    except TaskzipError as error:
        Console(stderr=True).print(str(error), markup=False, style="red")
        raise typer.Exit(error.exit_code) from error
