"""The same networks, more and more of them: `python -m taskzip.benchmarks.break_even.growing`.

`DIR/2`, `DIR/4`, … get a bundle of so many networks of the switching experiment and are measured,
all loaded and one at a time. Then what they answer is printed. A folder that has its report is
left as it is.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskzip.benchmarks.break_even.answer import break_even, show
from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.measure import Place, measure
from taskzip.benchmarks.mtz_switching.conditions import DISK_MIB, PROFILE, SILENCE_SECONDS
from taskzip.benchmarks.mtz_switching.networks import Networks, SharingPlan, make_bundle
from taskzip.benchmarks.told_progress import ToldProgress
from taskzip.benchmarks.validity import MIN_SAMPLES
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.names import RUNTIMES, Clock, Deployment, Runtime
from taskzip.contracts.report import REPORT_FILE

DEPLOYMENTS: tuple[Deployment, ...] = ("joint", "joint-lazy", "separate-resident", "separate-swap")


def bench_config(tasks: int, clock: Clock, packed_caches: tuple[bool, ...]) -> BenchConfig:
    """Every deployment that a break-even needs, each task once a round."""
    return BenchConfig(
        deployments=DEPLOYMENTS,
        caches=("warm", "cold"),
        packed_caches=packed_caches,
        workload="rounds",
        switches=max(tasks, MIN_SAMPLES),
        warmups=1,
        inferences=1,
        blocks=1,
        clock=clock,
    )


def main(  # noqa: PLR0913, PLR0917 - each is an option of its own
    folder: Annotated[Path, typer.Argument(help="For a folder of each number of networks.")],
    tasks: Annotated[list[int], typer.Argument(min=2, help="Numbers of networks.")],
    device: Annotated[str, typer.Option(help="virtual, a serial, or HOST:PORT.")] = "virtual",
    runtime: Annotated[Runtime | None, typer.Option(help="One of both.")] = None,
    clock: Annotated[Clock, typer.Option(help="Of the emulated device.")] = "counted",
    profile: Annotated[str, typer.Option(help="Of the emulated device.")] = PROFILE,
    sharing: Annotated[SharingPlan, typer.Option(help="Whole layers, or channels.")] = "layers",
    width: Annotated[int, typer.Option(min=8, help="Of the first stage; 64: ResNet-28.")] = 64,
    packed: Annotated[
        bool, typer.Option("--packed/--plain", help="Also with packed-weight cache files.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Measure growing numbers of networks, and say where the joint one begins to win."""
    progress = ToldProgress(Console(stderr=True))
    folders = [folder / str(count) for count in tasks]
    runtimes = (runtime,) if runtime else RUNTIMES
    on = DeviceConfig(device=device, profile=profile, disk_mib=DISK_MIB, side_by_side=1)
    with errors_told():
        for count, each in zip(tasks, folders, strict=True):
            networks = Networks(tasks=count, width=width, sharing=sharing)
            make_bundle(each, networks, runtimes, progress)
            if not (each / REPORT_FILE).exists():
                bench = bench_config(count, clock, (False, True) if packed else (False,))
                place = replace(Place.of(on, bench, None), silence_s=SILENCE_SECONDS)
                measure(each, bench, place, progress)
        found = break_even(folders)
    show(found, json_file)


if __name__ == "__main__":
    typer.run(main)
