"""How zipping's cost grows: `python -m taskzip.benchmarks.zip_growth [--quick] [--json FILE]`.

One thing at a time is changed: the width of two hidden layers, the number of networks, the number
of samples. Networks and data are random; time does not depend on what is in them, but for the
assignment of pairs. Reconstruction is off: its steps are a number that the config gives.
"""

import itertools
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.document import Document
from taskzip.contracts.names import Count
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import zip_tasks

FEATURES, CLASSES = 64, 10
BATCH_ROWS = 512
REPEATS = 3
LONG_SECONDS = 2.0
"""Of processor time. Shorter zips are repeated, and the fastest counts: other work on the machine
only ever adds."""


@dataclass(frozen=True)
class Case:
    """Networks of `FEATURES` → `width` → `width` → `CLASSES`."""

    width: int = 512
    tasks: int = 2
    samples: int = 1024


WIDTHS = tuple(Case(width=width) for width in (128, 256, 512, 1024, 2048, 4096))
TASKS = tuple(Case(tasks=tasks) for tasks in range(2, 10))
SAMPLES = tuple(Case(samples=samples) for samples in (64, 256, 1024, 4096, 16384))
SERIES = {"width": WIDTHS, "tasks": TASKS, "samples": SAMPLES}


class Point(Document):
    """One zip."""

    width: Count
    tasks: Count
    samples: Count
    seconds: float
    cpu_seconds: float
    """Of all threads."""


class Growth(Document):
    """A series of zips in which one number grows."""

    along: str
    points: tuple[Point, ...]

    @property
    def exponents(self) -> tuple[float, ...]:
        """From each point to the next: log(CPU time ratio) / log(ratio of what grows)."""
        return tuple(
            math.log(after.cpu_seconds / before.cpu_seconds)
            / math.log(getattr(after, self.along) / getattr(before, self.along))
            for before, after in itertools.pairwise(self.points)
        )

    @property
    def exponent(self) -> float:
        """The slope of the straight line through all points, both axes logarithmic."""
        x = [math.log(getattr(each, self.along)) for each in self.points]
        y = [math.log(each.cpu_seconds) for each in self.points]
        return _slope(x, y)


class Growths(Document):
    """All series, and the machine's load over the last minute, before and after."""

    series: tuple[Growth, ...]
    threads: Count
    load_average: tuple[float, float]


def measure(along: str, cases: Sequence[Case]) -> Growth:
    """Zip each case, smallest first."""
    return Growth(along=along, points=tuple(_fastest(case) for case in cases))


def _fastest(case: Case) -> Point:
    first = _measured(case)
    repeats = REPEATS - 1 if first.cpu_seconds < LONG_SECONDS else 0
    points = [first, *(_measured(case) for _ in range(repeats))]
    return min(points, key=lambda each: each.cpu_seconds)


def _measured(case: Case) -> Point:
    tasks = [_task(index, case) for index in range(case.tasks)]
    config = ZipConfig(reconstruct_steps=0)
    wall, cpu = time.perf_counter(), time.process_time()
    zip_tasks(tasks, config, Silent())
    return Point(
        width=case.width,
        tasks=case.tasks,
        samples=case.samples,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
    )


def _task(index: int, case: Case) -> Task:
    generator = torch.Generator().manual_seed(index)
    sizes = (FEATURES, case.width, case.width, CLASSES)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layer = nn.Linear(inputs, outputs)
        nn.init.normal_(layer.weight, std=math.sqrt(2 / inputs), generator=generator)
        layers += [layer, nn.ReLU()]
    rows = torch.randn(case.samples, FEATURES, generator=generator).split(BATCH_ROWS)
    return Task(f"t{index}", nn.Sequential(*layers[:-1]).eval(), lambda: rows)


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
    return products / sum((a - middle_x) ** 2 for a in x)


def render(growth: Growth) -> Table:
    """A line for each point."""
    table = Table(growth.along, "seconds", "CPU seconds", "exponent to here")
    exponents = ("", *(f"{each:.2f}" for each in growth.exponents))
    for point, exponent in zip(growth.points, exponents, strict=True):
        table.add_row(
            f"{getattr(point, growth.along):,}",
            f"{point.seconds:.2f}",
            f"{point.cpu_seconds:.2f}",
            exponent,
        )
    first = growth.points[0]
    fixed = {"width": first.width, "tasks": first.tasks, "samples": first.samples}
    del fixed[growth.along]
    table.caption = (
        f"overall exponent {growth.exponent:.2f}; "
        f"{', '.join(f'{value:,} {name}' for name, value in fixed.items())}"
    )
    return table


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small cases only.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures here.")] = None,
) -> None:
    """Measure how the cost grows with width, tasks and samples."""
    console, before = Console(), os.getloadavg()[0]
    _measured(replace(Case(), width=FEATURES))  # what is imported when first used
    found = []
    for along, cases in SERIES.items():
        found.append(measure(along, cases[:3] if quick else cases))
        console.print(render(found[-1]))
    load = (before, os.getloadavg()[0])
    console.print(f"{torch.get_num_threads()} threads, load average {load[0]:.1f}, {load[1]:.1f}")
    if json is not None:
        Growths(series=tuple(found), threads=torch.get_num_threads(), load_average=load).write(json)


if __name__ == "__main__":
    typer.run(main)
