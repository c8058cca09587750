"""Options that several verbs take, and how they override the config."""

from pathlib import Path
from typing import Annotated

import typer

from taskzip.contracts.config import (
    BenchConfig,
    Config,
    DeviceConfig,
    ZipConfig,
    with_absolute_trace,
)
from taskzip.contracts.document import validated
from taskzip.contracts.names import WORKLOADS, Clock

RESOLVED_CONFIG = "config.json"

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
    typer.Option(
        "--device", help="auto, virtual, a serial, HOST:PORT, or replay:FILE.", show_default="auto"
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile", help="Emulated device of `deploy device profiles`.", show_default="default"
    ),
]
ClockName = Annotated[
    Clock | None,
    typer.Option("--clock", help="Clock of the emulated device.", show_default="the profile's"),
]
Wait = Annotated[
    float,
    typer.Option("--wait", min=0, metavar="SECONDS", help="For a session that uses the device."),
]
WorkloadName = Annotated[
    str | None,
    typer.Option(
        "--workload",
        help=f"Order of the tasks: {', '.join(WORKLOADS)}, or a file with a task's name a line.",
        show_default="random",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; do nothing.")]
MaxBytes = Annotated[
    int | None,
    typer.Option("--max-bytes", help="Largest size of the joint weights; the solver shares."),
]
MaxSizeRatio = Annotated[
    float | None,
    typer.Option("--max-size-ratio", help="Largest size of the joint weights to all separate."),
]
MaxError = Annotated[
    float | None,
    typer.Option(
        "--max-error", help="Largest mean increase in points; predicted without evaluation data."
    ),
]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", help="plan.json of an earlier zip, edited or not.")
]
SweepSizes = Annotated[
    bool, typer.Option("--sweep", help="Zip at several sizes, show size against error, draw it.")
]
CompareMethods = Annotated[
    bool,
    typer.Option("--compare", help="Zip with every method, show all results, change nothing else."),
]
KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going", help="Leave out a runtime that cannot hold a network; the other goes on."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Hash all of it on the device, also what did not change.")
]
KeepPushed = Annotated[
    bool | None,
    typer.Option(
        "--keep-pushed/--remove-pushed",
        help="Leave the pushed files for the next run.",
        show_default="kept on the emulated device, removed from a phone",
    ),
]

Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep the finished runs of an interrupted measurement (a zip goes on without it).",
    ),
]
ResumeZip = Annotated[
    bool,
    typer.Option(
        "--resume/--fresh",
        help="Go on with an interrupted zip, if nothing that it depends on changed; or start anew.",
    ),
]
RecordFile = Annotated[
    Path | None,
    typer.Option("--record", help="Keep what the device is asked and answers, for replay:FILE."),
]
Check = Annotated[
    bool, typer.Option("--check", help="End with 1 when a row is not valid or a bar is missed.")
]
HistoryPlace = Annotated[
    str | None,
    typer.Option(
        "--history",
        metavar="FILE|URL",
        envvar="TASKZIP_HISTORY",
        help="A SQLite file, or postgresql://HOST/NAME.",
        show_default="history.sqlite in the user's data folder",
    ),
]


def out_folder(out: Path | None, config_file: Path) -> Path:
    """Where results go: the option, else `out/` and the config's name."""
    return out if out is not None else Path("out") / config_file.stem


def measured_with(
    folder: Path, device: str | None, profile: str | None, clock: Clock | None
) -> tuple[BenchConfig, DeviceConfig]:
    """How a result folder is measured: as its config says, else with the defaults."""
    file = folder / RESOLVED_CONFIG
    config = Config.read(file) if file.exists() else None
    bench, on = (config.bench, config.device) if config else (BenchConfig(), DeviceConfig())
    return with_clock(bench, clock), with_device(on, device, profile)


def overridden(
    config: Config, device: str | None, profile: str | None, clock: Clock | None
) -> Config:
    """The config with what the command line says instead."""
    return config.model_copy(
        update={
            "device": with_device(config.device, device, profile),
            "bench": with_clock(config.bench, clock),
        }
    )


def with_budget(
    config: Config,
    max_bytes: int | None,
    max_size_ratio: float | None,
    max_error: float | None,
    plan: Path | None,
) -> Config:
    """The config with what the command line says of the sharing."""
    said = {
        "max_bytes": max_bytes,
        "max_size_ratio": max_size_ratio,
        "max_error": max_error,
        "plan": None if plan is None else plan.absolute(),
    }
    given = {key: value for key, value in said.items() if value is not None}
    data = config.zip.model_dump() | given
    return config.model_copy(update={"zip": validated(ZipConfig, data, "options")})


def with_export(config: Config, keep_going: bool) -> Config:
    """The config with what the command line says of the export."""
    said = {"keep_going": keep_going or config.export.keep_going}
    return config.model_copy(update={"export": config.export.model_copy(update=said)})


def with_device(config: DeviceConfig, device: str | None, profile: str | None) -> DeviceConfig:
    """The section with another device or another profile of the emulated one, if given."""
    said = {"device": device, "profile": profile}
    return config.model_copy(update={key: value for key, value in said.items() if value})


def with_workload(config: BenchConfig, workload: str | None) -> BenchConfig:
    """The section with another workload, if one is given; BadInput if there is none like that."""
    if workload is None:
        return config
    return with_absolute_trace(config.model_copy(update={"workload": workload}), Path.cwd())


def with_clock(config: BenchConfig, clock: Clock | None) -> BenchConfig:
    """The section with another clock, if one is given."""
    return config.model_copy(update={"clock": clock} if clock else {})
