"""Fetch the examples' data: `python examples/fetch_data.py [NAMES] [--from FOLDER]`.

FOLDER may hold a folder for each data set, of its name, with its files (plain or .gz).
"""

from pathlib import Path
from typing import Annotated

import typer
from cifar10_files import CIFAR10
from data_files import fetch
from face_files import FACE_API, PORTRAITS
from idx_files import FASHION_MNIST, MNIST
from quickdraw_files import QUICKDRAW
from rich.console import Console
from vowels_files import VOWELS

from taskzip.contracts.errors import BadInput, TaskzipError

DATASETS = {
    dataset.name: dataset
    for dataset in (MNIST, FASHION_MNIST, CIFAR10, QUICKDRAW, FACE_API, PORTRAITS, VOWELS)
}
OF_THE_DEMO = [MNIST.name, FASHION_MNIST.name]


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(DATASETS)}; default: the demo's.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of data sets to take instead.")
    ] = None,
) -> None:
    """Fetch, verify and cache data sets."""
    console = Console(stderr=True)
    try:
        for name in names or OF_THE_DEMO:
            console.print(f"{name}: {_fetch(name, source)}", markup=False, highlight=False)
    except TaskzipError as error:
        console.print(str(error), markup=False, style="red")
        raise typer.Exit(error.exit_code) from error


def _fetch(name: str, source: Path | None) -> Path:
    if name not in DATASETS:
        raise BadInput(f"{name}: no data set of that name; known are {', '.join(DATASETS)}")
    return fetch(DATASETS[name], source / name if source else None)


if __name__ == "__main__":
    typer.run(main)
