"""What switching leaves behind: `python -m taskzip.benchmarks.leaks BUNDLE`.

Each deployment walks through all tasks in turn for some thousand switches; its memory is read again
and again. A leak shows as memory that grows with every switch, whatever it was at first: the slope
is Theil and Sen's (Sen, JASA 1968), the median over all pairs of readings, with their 95 %
interval. Runs on this computer unless a device is named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import floor, sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.sequences import cut, round_robin
from taskzip.benchmarks.sessions import LOCAL, session_on
from taskzip.benchmarks.specs import SpecWriter, Walk
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.document import Document
from taskzip.contracts.events import Event, Memory
from taskzip.contracts.names import DEPLOYMENTS, RUNTIMES, Count, Deployment, Runtime
from taskzip.contracts.record import Cell
from taskzip.contracts.runspec import RunSpec

SWITCHES = 1000
READINGS = 25
PAGE_BYTES = 4096
_Z95 = 1.959964


@dataclass(frozen=True)
class Slope:
    """Bytes a switch, and the 95 % interval."""

    value: float
    low: float
    high: float


class Leak(Document):
    """What a deployment's memory does over many switches."""

    runtime: Runtime
    deployment: Deployment
    packed_cache: bool
    switches: Count
    bytes_per_switch: float
    """Of private memory (USS)."""
    ci95: tuple[float, float]
    unloaded_bytes: int
    """PSS after everything was unloaded, above what it was before anything was loaded."""

    @property
    def is_none(self) -> bool:
        """Whether growth is 0 within noise: the interval reaches 0, or all of it is no page."""
        return self.ci95[0] <= 0 or self.bytes_per_switch * self.switches < PAGE_BYTES


def slope_of(steps: Sequence[int], sizes: Sequence[int]) -> Slope:
    """The slope of sizes over steps; ValueError with fewer than three readings.

    The interval holds the slopes whose rank is within 1.96 standard deviations of Kendall's
    statistic, n(n − 1)(2n + 5) / 18, around the middle.
    """
    n = len(steps)
    if n < 3:  # noqa: PLR2004 - two points have one slope and no interval
        raise ValueError(f"{n} readings have no slope with an interval")
    slopes = np.sort(
        [(sizes[j] - sizes[i]) / (steps[j] - steps[i]) for i, j in combinations(range(n), 2)]
    )
    reach = _Z95 * sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(floor((len(slopes) - reach) / 2), 0)
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[-1 - low]))


def leak_of(spec: RunSpec, events: Sequence[Event]) -> Leak:
    """What the readings of a memory run say; its first fifth fills pools, and is left out."""
    readings = [event for event in events if isinstance(event, Memory)]
    walking = [reading.uss_bytes for reading in readings if reading.phase == "walking"]
    steps = [spec.memory_every * number for number in range(1, len(walking) + 1)]
    settled = len(walking) // 5
    slope = slope_of(steps[settled:], walking[settled:])
    by_phase = {reading.phase: reading.pss_bytes for reading in readings}
    return Leak(
        runtime=spec.runtime,
        deployment=spec.deployment,
        packed_cache=spec.packed_cache,
        switches=len(spec.sequence),
        bytes_per_switch=slope.value,
        ci95=(slope.low, slope.high),
        unloaded_bytes=by_phase["unloaded"] - by_phase["start"],
    )


def leak_specs(bundle: Bundle, switches: int) -> Iterator[RunSpec]:
    """A walk of every runtime, deployment and packed-cache setting of the bundle."""
    tasks = len(bundle.tasks)
    walk = Walk("memory", cut(round_robin(tasks, 1), 0, switches), warmups=0, inferences=0)
    every = max(switches // READINGS, 1)
    writer = SpecWriter(bundle, threads=1, start_on_tick=False)
    runtimes = [each for each in RUNTIMES if any(m.runtime == each for m in bundle.models)]
    for runtime, deployment, packed in product(runtimes, DEPLOYMENTS, (False, True)):
        cell = Cell(runtime=runtime, deployment=deployment, cache="warm", packed_cache=packed)
        yield writer.spec(cell, walk, "leak").model_copy(update={"memory_every": every})


def measure(folder: Path, device: str, switches: int) -> tuple[Leak, ...]:
    """Every walk of the bundle in `folder` on that device."""
    bundle = Bundle.read(folder / BUNDLE_FILE)
    with session_on(device, folder) as session:
        return tuple(
            leak_of(spec, list(session.run(spec))) for spec in leak_specs(bundle, switches)
        )


def render(leaks: Sequence[Leak]) -> Table:
    """A line per walk."""
    table = Table("runtime", "deployment", "bytes a switch", "95 % interval", "left after unload")
    for leak in leaks:
        packed = " packed" if leak.packed_cache else ""
        table.add_row(
            leak.runtime,
            f"{leak.deployment}{packed}",
            f"{leak.bytes_per_switch:.2f} {'met' if leak.is_none else 'missed'}",
            f"{leak.ci95[0]:.2f} … {leak.ci95[1]:.2f}",
            f"{leak.unloaded_bytes / 1024:.0f} KiB",
        )
    table.caption = (
        f"{leaks[0].switches} switches in turn, page cache warm; USS, slope after Theil and Sen; "
        "bar: 0 within noise. Left: PSS above that before anything was loaded"
    )
    return table


def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder.")],
    device: Annotated[str, typer.Option(help="local, virtual, a serial, or HOST:PORT.")] = LOCAL,
    switches: Annotated[int, typer.Option(min=10, help="Of each walk.")] = SWITCHES,
    check: Annotated[bool, typer.Option("--check", help="End with 1 where memory grows.")] = False,
) -> None:
    """Measure whether memory grows with switches, and what is left after unloading."""
    with errors_told():
        leaks = measure(bundle, device, switches)
    Console().print(render(leaks))
    if check and not all(leak.is_none for leak in leaks):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
