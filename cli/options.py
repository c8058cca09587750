"""Options that several verbs take, and how they override the config."""

from pathlib import Path
from typing import Annotated

import typer

from taskzip.contracts.config import Config
from taskzip.contracts.names import Clock

ConfigFile = Annotated[Path, typer.Argument(help="TOML file of the tasks.", show_default=False)]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for results.", show_default="out/<name of CONFIG>"),
]
ResultFolder = Annotated[
    Path, typer.Argument(help="Folder that `deploy export` or zip-and-push wrote.")
]
DeviceName = Annotated[
    str | None,
    typer.Option("--device", help="auto, virtual, a serial, or HOST:PORT.", show_default="auto"),
]
ClockName = Annotated[
    Clock | None,
    typer.Option("--clock", help="Clock of the emulated device.", show_default="counted"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; do nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
KeepPushed = Annotated[
    bool | None,
    typer.Option(
        "--keep-pushed/--remove-pushed",
        help="Leave the pushed files for the next run.",
        show_default="kept on the emulated device, removed from a phone",
    ),
]


def out_folder(out: Path | None, config_file: Path) -> Path:
    """Where results go: the option, else `out/` and the config's name."""
    return out if out is not None else Path("out") / config_file.stem


def overridden(config: Config, device: str | None, clock: Clock | None) -> Config:
    """The config with what the command line says instead."""
    on = config.device.model_copy(update={"device": device} if device else {})
    bench = config.bench.model_copy(update={"clock": clock} if clock else {})
    return config.model_copy(update={"device": on, "bench": bench})
