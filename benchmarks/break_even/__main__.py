"""Where the joint network begins to win: `python -m taskzip.benchmarks.break_even DIR ...`.

Computed from what was measured alone: `DIR/report.json`, of `deploy bench`, and
`DIR/pressure.json`, of `taskzip.benchmarks.pressure`. Several folders give several numbers of tasks
and several memory limits.
"""

from pathlib import Path
from typing import Annotated

import typer

from taskzip.benchmarks.break_even.answer import break_even, show
from taskzip.benchmarks.errors_told import errors_told


def main(
    folders: Annotated[list[Path], typer.Argument(help="Folders that were measured in.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Say where the joint network begins to win, and by how much."""
    with errors_told():
        found = break_even(folders)
    show(found, json_file)


if __name__ == "__main__":
    typer.run(main)
