"""Train the examples' networks again: `python examples/train.py [NAMES] [--again]`.

Writes `weights/<name>.safetensors` (pruned networks: `weights/compact/`) and, in
`weights/recipe.json`, how each was trained, its SHA-256 and its test error. What is there already,
trained by the same recipe, is left alone. The seeds are fixed; other machines may round otherwise.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from recipes import TRAININGS
from rich.console import Console
from torch import nn
from training import test_error_percent, train
from weight_files import WEIGHTS, load_weights, path_of, save_weights

from taskzip.contracts.errors import BadInput, TaskzipError

RECIPES = WEIGHTS / "recipe.json"


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Networks; default: all.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what is there.")] = False,
) -> None:
    """Train the named networks, or all."""
    console = Console(stderr=True)
    try:
        for name in names or list(TRAININGS):
            if name not in TRAININGS:
                raise BadInput(f"{name}: no such network; known are {', '.join(TRAININGS)}")
            if again or not _is_there(name):
                _save(name, _train(name))
            error = _known()[name]["test_error_percent"]
            console.print(f"{name}: test error {error} %", highlight=False)
    except TaskzipError as error:
        console.print(str(error), markup=False, style="red")
        raise typer.Exit(error.exit_code) from error


def _train(name: str) -> nn.Module:
    pruning = TRAININGS[name].pruning
    start = None if pruning is None else load_weights(path_of(pruning.start, is_pruned=False))
    return train(TRAININGS[name], name, start)


def _is_there(name: str) -> bool:
    entry = _known().get(name)
    if entry is None or not _path(name).is_file():
        return False
    return {**entry, **_identity(name)} == entry


def _identity(name: str) -> dict[str, Any]:
    training, path = TRAININGS[name], _path(name)
    identity = {
        "file": path.relative_to(WEIGHTS).as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "data": training.data.name,
        "recipe": asdict(training.recipe),
    }
    return (
        identity if training.pruning is None else identity | {"pruning": asdict(training.pruning)}
    )


def _save(name: str, network: nn.Module) -> None:
    save_weights(_path(name), network.state_dict())
    entry = {
        **_identity(name),
        "torch": torch.__version__,
        "test_error_percent": round(test_error_percent(network, TRAININGS[name]), 2),
    }
    known = {**_known(), name: entry}
    RECIPES.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _path(name: str) -> Path:
    return path_of(name, is_pruned=TRAININGS[name].pruning is not None)


def _known() -> dict[str, Any]:
    return json.loads(RECIPES.read_text(encoding="utf-8")) if RECIPES.exists() else {}


if __name__ == "__main__":
    typer.run(main)
