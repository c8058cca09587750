"""`python -m taskzip.benchmarks.detector_bars NIGHTS`: what is found, and what is a false alarm."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.compare.figures import TICK_NS
from taskzip.benchmarks.detector_bars.measure import MONTH, Watched, watch
from taskzip.benchmarks.detector_bars.phone import BLOCKS, Phone
from taskzip.benchmarks.detector_bars.planted import Planted, plant
from taskzip.benchmarks.detector_bars.replay import Replay, read_nights
from taskzip.benchmarks.detector_bars.rules import LastNight, Ours, OverPercentile, Rule, ThreeSigma
from taskzip.benchmarks.errors_told import errors_told

LEAST = {"counted": 0.005, "real": 0.01}
"""`least_percent` of the nights, by clock."""
app = typer.Typer(add_completion=False)


@app.command()
def main(
    nights: Annotated[Path, typer.Argument(help="Nights of the emulated device, recorded.")],
    months: Annotated[int, typer.Option(min=1, help="Simulated months without a change.")] = 12,
    trials: Annotated[int, typer.Option(min=1, help="Simulated changes of each size.")] = 20,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 when a bar is missed.")
    ] = False,
) -> None:
    """Plant 1 % in each recorded row; watch simulated months of a phone with every rule."""
    console = Console()
    with errors_told():
        recorded = read_nights(nights)
    planted = plant(
        lambda generator: Replay(generator, recorded),
        lambda: Ours(LEAST["counted"], TICK_NS["counted"]),
    )
    console.print(_planted_line(planted), highlight=False)
    console.print(_table(watch(Phone, _rules, months, trials), trials))
    if check and not (planted.found == planted.rows and planted.false_nights == 0):
        raise typer.Exit(1)


def _rules() -> Sequence[Rule]:
    paired = (True, False)
    return (
        Ours(LEAST["real"], TICK_NS["real"], BLOCKS),
        *(LastNight(each) for each in paired),
        OverPercentile(),
        *(ThreeSigma(each) for each in paired),
    )


def _planted_line(planted: Planted) -> str:
    return (
        f"Emulated device, counted clock, nights drawn from {planted.recorded} recorded sessions: "
        f"1 % in one row found the same night in {planted.found} of {planted.rows} rows; "
        f"{planted.false_nights} false alarms in {planted.nights} nights"
    )


def _table(watched: Sequence[Watched], trials: int) -> Table:
    table = Table("rule", "of", title="A phone with simulated noise", title_justify="left")
    for name in ("false nights a month", "smallest shift found", "found by chance"):
        table.add_column(name, justify="right")
    for each in watched:
        table.add_row(each.rule, "ratio" if each.is_paired else "median", *_numbers(each))
    table.caption = f"{watched[0].months} months of {MONTH} nights; {trials} trials of each size"
    return table


def _numbers(each: Watched) -> Iterator[str]:
    yield f"{each.false_nights_per_month:.2f}"
    yield f"{100 * each.smallest_shift:g} %" if each.smallest_shift else "–"
    yield f"{100 * each.chance:.0f} %"


if __name__ == "__main__":
    app()
