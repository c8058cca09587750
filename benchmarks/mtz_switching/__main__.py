"""The papers' switching experiment: `python -m taskzip.benchmarks.mtz_switching DIR`.

Nine networks of ResNet-28's size, 90 % of their weights shared, tasks in random order, each as
often as the others, flash as slow as a microSD card: what switching takes with separate networks,
one loaded at a time, beside the joint network of which a switch loads a private tenth
(`joint-lazy`) or nothing (`joint`). With `--check` it ends with 1 when a bar is missed.

The papers ask for each task 10 times. The counted clock gives the same figure each time within 1 %,
so twice is enough, and an emulated processor takes seconds to wait for one of the flash's.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.journal import read_records, read_session
from taskzip.benchmarks.measure import BUNDLE_DIR, Place, measure
from taskzip.benchmarks.measures import measures_by_cell
from taskzip.benchmarks.mtz_switching.conditions import (
    DISK_MIB,
    PROFILE,
    ROUNDS,
    SILENCE_SECONDS,
    bench_config,
)
from taskzip.benchmarks.mtz_switching.networks import (
    NETWORKS_FILE,
    TASKS,
    Networks,
    SharingPlan,
    make_bundle,
)
from taskzip.benchmarks.mtz_switching.result import RuntimeReloads, compare, render, sizes
from taskzip.benchmarks.told_progress import ToldProgress
from taskzip.benchmarks.units import format_rate
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.document import Document
from taskzip.contracts.names import RUNTIMES, Clock, Runtime


class MtzSwitching(Document):
    """What was measured."""

    networks: Networks
    rounds: int
    shared_fraction: float
    """Of a network's weights."""
    flash_read_bytes_per_second: int | None
    runtimes: tuple[RuntimeReloads, ...]


def summarize(folder: Path, rounds: int) -> MtzSwitching:
    """What the records of the folder say."""
    bundle = Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE)
    measured = measures_by_cell(read_records(folder))
    runtimes = dict.fromkeys(cell.runtime for cell in measured)
    found = []
    for runtime in runtimes:
        separate, joint = sizes([(m.kind, m.bytes) for m in bundle.models if m.runtime == runtime])
        found.append(
            RuntimeReloads(
                runtime=runtime,
                separate_bytes=separate,
                joint_bytes=joint,
                reloads=compare(measured, runtime),
            )
        )
    sharing = bundle.sharing
    each = sharing.shared_bytes + max(sharing.private_bytes.values())
    return MtzSwitching(
        networks=Networks.read(folder / NETWORKS_FILE),
        rounds=rounds,
        shared_fraction=sharing.shared_bytes / each,
        flash_read_bytes_per_second=read_session(folder).conditions.flash_read_bytes_per_second,
        runtimes=tuple(found),
    )


def condition(found: MtzSwitching) -> str:
    """What all figures hold for."""
    rate = found.flash_read_bytes_per_second
    flash = "flash of unknown speed" if rate is None else f"flash {format_rate(rate)}"
    return (
        f"{found.networks.tasks} networks, {found.shared_fraction:.1%} shared by "
        f"{found.networks.sharing}, {found.rounds} rounds, random weights, page cache cold, {flash}"
    )


def main(  # noqa: PLR0913, PLR0917 - each is an option of its own
    folder: Annotated[Path, typer.Argument(help="For the networks, the records and the report.")],
    device: Annotated[str, typer.Option(help="virtual, a serial, or HOST:PORT.")] = "virtual",
    runtime: Annotated[Runtime | None, typer.Option(help="One of both.")] = None,
    clock: Annotated[Clock, typer.Option(help="Of the emulated device.")] = "counted",
    sharing: Annotated[
        SharingPlan,
        typer.Option(help="Whole layers, but for two blocks; or 95 % of each one's channels."),
    ] = "layers",
    tasks: Annotated[int, typer.Option(min=2, help="Networks.")] = TASKS,
    width: Annotated[int, typer.Option(min=8, help="Of the first stage; 64: ResNet-28.")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="How often each task is asked for.")] = ROUNDS,
    profile: Annotated[str, typer.Option(help="Of the emulated device.")] = PROFILE,
    packed: Annotated[
        bool,
        typer.Option(
            "--packed/--plain",
            help="Also with packed-weight cache files; the joint one stays mapped, so not cold.",
        ),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the runs that finished.")] = False,
    check: Annotated[bool, typer.Option("--check", help="End with 1 below a bar.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Measure what switching between nine networks takes, and hold it to the paper's figure."""
    progress = ToldProgress(Console(stderr=True))
    with errors_told():
        runtimes = (runtime,) if runtime else RUNTIMES
        networks = Networks(tasks=tasks, width=width, sharing=sharing)
        make_bundle(folder, networks, runtimes, progress)
        bench = bench_config(tasks, rounds, clock, (False, True) if packed else (False,))
        on = DeviceConfig(device=device, profile=profile, disk_mib=DISK_MIB, side_by_side=1)
        place = replace(Place.of(on, bench, None), silence_s=SILENCE_SECONDS)
        measure(folder, bench, place, progress, resume=resume)
        found = summarize(folder, rounds)
    for each in found.runtimes:
        Console().print(render(each, condition(found)))
    if json_file is not None:
        found.write(json_file)
    if check and any(one.holds is False for each in found.runtimes for one in each.reloads):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
