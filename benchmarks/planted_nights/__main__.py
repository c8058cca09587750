"""`python -m taskzip.benchmarks.planted_nights DIR`: real nights, real slowdowns.

What `deploy nightly` does is done night after night on the emulated device with its counted
clock: the same bundle beside itself, and then, for each row, once with files whose networks have
100 equal steps instead of 99. The next call with the same folder goes on after what was measured.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.nightly.workshop import OwnWorkshop
from taskzip.benchmarks.planted_nights.nights import Nights
from taskzip.benchmarks.planted_nights.result import headline, render
from taskzip.benchmarks.told_progress import ToldProgress
from taskzip.contracts.names import RUNTIMES, Runtime

RESULT_FILE = "planted.json"


def main(
    folder: Annotated[Path, typer.Argument(help="What is measured is kept here.")],
    nights: Annotated[int, typer.Option(min=1, help="Judged nights without a change.")] = 30,
    runtime: Annotated[Runtime | None, typer.Option(help="Only this one.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 when a bar is missed.")
    ] = False,
) -> None:
    """Run nights on the emulated device, and plant 1 % in each row."""
    console, progress = Console(), ToldProgress(Console(stderr=True))
    with errors_told():
        runtimes = (runtime,) if runtime else RUNTIMES
        done = Nights(folder, runtimes, nights, OwnWorkshop(progress), progress).run()
        done.write(folder / RESULT_FILE)
    console.print(headline(done), highlight=False)
    console.print(render(done))
    if check and not done.are_bars_met:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
