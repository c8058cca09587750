"""Fetch the example's data: `python examples/fetch_data.py [--from FOLDER]`.

FOLDER may hold `mnist/` and `fashion-mnist/`, each with the four idx files (plain or .gz).
"""

from pathlib import Path
from typing import Annotated

import typer
from idx_files import FASHION_MNIST, MNIST, fetch
from rich.console import Console

from taskzip.contracts.errors import TaskzipError


def main(
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of idx files to take instead.")
    ] = None,
) -> None:
    """Fetch, verify and cache MNIST and Fashion-MNIST."""
    console = Console(stderr=True)
    for dataset in (MNIST, FASHION_MNIST):
        try:
            folder = fetch(dataset, source / dataset.name if source else None)
        except TaskzipError as error:
            console.print(str(error), markup=False, style="red")
            raise typer.Exit(error.exit_code) from error
        console.print(f"{dataset.name}: {folder}", markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
