"""The same workload at falling memory: `python -m taskzip.benchmarks.pressure DIR 256 128 96 64`.

Each deployment walks the same steps under each limit, with the page cache as it comes: separate
networks that no longer fit are read from the flash again and again, or the system kills them. The
limit is a control group of the runner's own, so the device must give root, as the emulated one; or
`--by ballast`, as on a phone: a process of ours holds all that is available beyond the limit.
`DIR/pressure.json` keeps the figures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.measure import BUNDLE_DIR, Place, opened
from taskzip.benchmarks.pressure.result import (
    PRESSURE_FILE,
    Means,
    Point,
    Pressed,
    render,
    told,
)
from taskzip.benchmarks.pressure.run import run_beside_ballast, run_point
from taskzip.benchmarks.specs import SpecWriter, Walk
from taskzip.benchmarks.told_progress import ToldProgress
from taskzip.benchmarks.units import MIB
from taskzip.benchmarks.workloads import sequence_of, workload_name
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import BenchConfig, DeviceConfig, with_absolute_trace
from taskzip.contracts.document import validated
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import DEPLOYMENTS, RUNTIMES, Clock
from taskzip.contracts.progress import Progress
from taskzip.contracts.record import Cell
from taskzip.device.session import Session

SILENCE_SECONDS = 3600.0
"""A walk that reads everything again and again takes its time on an emulated device."""


def measure(  # noqa: PLR0913, PLR0917 - each is a thing of its own
    folder: Path,
    bench: BenchConfig,
    limits: Sequence[int],
    place: Place,
    progress: Progress,
    by: Means | None = None,
) -> Iterator[Pressed]:
    """What is known after each limit, the largest first; the last is all of it."""
    by = by or ("group" if place.setting.origin == "virtual" else "ballast")
    if by == "ballast" and place.setting.clock == "counted":
        raise BadInput("the counted clock's memory is a control group; leave out --by ballast")
    bundle = Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE)
    bench = bench.model_copy(update={"clock": place.setting.clock})
    with opened(folder, place, progress, keep=place.keeps_pushed) as (session, *_):
        conditions = session.conditions(place.setting).model_copy(
            update={"workload": workload_name(bench), "lru_k": bench.lru_k}
        )
        points: list[Point] = []
        for limit_bytes in sorted(limits, reverse=True):
            for point in _at_limit(session, bundle, bench, limit_bytes, by):
                progress.step(told(point))
                points.append(point)
            yield Pressed(
                conditions=conditions,
                tasks=len(bundle.tasks),
                switches=bench.switches,
                by=by,
                points=tuple(points),
            )


def _at_limit(
    session: Session, bundle: Bundle, bench: BenchConfig, limit_bytes: int, by: Means
) -> Iterator[Point]:
    sequence = sequence_of(bench, [task.name for task in bundle.tasks], 0)
    walk = Walk("latency", sequence, bench.warmups, bench.inferences)
    writer = SpecWriter(
        bundle,
        bench.threads,
        bench.clock != "real",
        bench.lru_k,
        memory_limit_bytes=limit_bytes if by == "group" else None,
    )
    runtimes = [each for each in RUNTIMES if any(m.runtime == each for m in bundle.models)]
    for runtime, deployment, packed in product(runtimes, bench.deployments, bench.packed_caches):
        cell = Cell(runtime=runtime, deployment=deployment, cache="untouched", packed_cache=packed)
        spec = writer.spec(cell, walk, f"limit{limit_bytes}")
        if by == "group":
            yield run_point(session, spec, cell, limit_bytes)
        else:
            yield run_beside_ballast(session, spec, cell, limit_bytes)


def main(  # noqa: PLR0913, PLR0917 - each is an option of its own
    folder: Annotated[Path, typer.Argument(help="Folder that `deploy export` wrote.")],
    limits_mib: Annotated[list[int], typer.Argument(help="Memory of the runner, each in MiB.")],
    device: Annotated[str, typer.Option(help="virtual, a serial, or HOST:PORT.")] = "virtual",
    profile: Annotated[str, typer.Option(help="Of the emulated device.")] = "microsd",
    clock: Annotated[Clock | None, typer.Option(help="Of the emulated device.")] = None,
    workload: Annotated[str, typer.Option(help="As of `deploy bench`.")] = "random",
    switches: Annotated[int, typer.Option(min=1, help="Measured.")] = 20,
    lru_k: Annotated[int, typer.Option(min=1, help="Files `separate-lru` keeps.")] = 2,
    packed: Annotated[
        bool, typer.Option("--packed/--plain", help="Also with packed-weight cache files.")
    ] = True,
    disk_mib: Annotated[int, typer.Option(help="Of the emulated device.")] = 1024,
    by: Annotated[
        Means | None, typer.Option(help="How memory is limited.", show_default="by the device")
    ] = None,
    deployment: Annotated[
        list[str] | None, typer.Option(help="One of them; repeat for more.", show_default="all")
    ] = None,
) -> None:
    """Measure switching at falling memory."""
    said = {"workload": workload, "switches": switches, "lru_k": lru_k, "warmups": 2}
    with errors_told():
        bench = validated(
            BenchConfig,
            said
            | {"deployments": deployment or DEPLOYMENTS, "inferences": 1, "blocks": 1}
            | {"packed_caches": (False, True) if packed else (False,)},
            "options",
        )
        bench = with_absolute_trace(bench, Path.cwd())
        on = DeviceConfig(device=device, profile=profile, disk_mib=disk_mib, side_by_side=1)
        place = Place.of(on, bench.model_copy(update={"clock": clock}), None)
        place = replace(place, silence_s=SILENCE_SECONDS)
        limits = [limit * MIB for limit in limits_mib]
        for pressed in measure(
            folder, bench, limits, place, ToldProgress(Console(stderr=True)), by
        ):
            pressed.write(folder / PRESSURE_FILE)
    Console().print(render(Pressed.read(folder / PRESSURE_FILE)))


if __name__ == "__main__":
    typer.run(main)
