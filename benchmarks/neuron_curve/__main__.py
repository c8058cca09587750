"""`python -m taskzip.benchmarks.neuron_curve CONFIG`: error against shared neurons, by layer."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.neuron_curve.draw import write_curve
from taskzip.benchmarks.neuron_curve.measure import measure_curve
from taskzip.contracts.config import load_config
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipcurve import ZipCurve

app = typer.Typer(add_completion=False)


@app.command()
def main(
    config_file: Annotated[Path, typer.Argument(help="TOML file of the tasks.")],
    out: Annotated[Path, typer.Option(help="Folder for curve.json and curve.svg.")],
    points: Annotated[int, typer.Option(min=2, help="Zips of each line.")] = 7,
) -> None:
    """Zip with more and more shared neurons of each layer; write and print the errors."""
    with errors_told():
        config = load_config(config_file)
        curve = measure_curve(config, config_file.resolve().parent, points, Silent())
    curve.write(out / "curve.json")
    write_curve(curve, out / "curve.svg")
    Console().print(_table(curve))


def _table(curve: ZipCurve) -> Table:
    table = Table("layer", "way", "shared", *curve.separate_percent)
    for point in curve.points:
        errors = (f"{each:.2f} %" for each in point.error_percent.values())
        table.add_row(point.layer, point.way, f"{point.shared} of {point.of}", *errors)
    return table


if __name__ == "__main__":
    app()
