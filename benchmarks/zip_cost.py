"""What zipping costs: `python -m taskzip.benchmarks.zip_cost CONFIG`.

In one process: the passes that no method can avoid, each original network once over its calibration
data before the zip and each merged one after it, so that a machine that changes its speed changes
both; the whole of `deploy zip` into a temporary folder but for evaluation, its steps told apart by
the profiler; and how far apart both networks answer to evaluation data.
"""

import cProfile
import os
import pstats
import resource
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import nn

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.zip_cost_result import GB, Limits, TaskCost, ZipCost, check, render
from taskzip.contracts.config import Config, load_config
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.functions import find_function
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.zip_stage import Networks, run_zip

KIB = 1024

STEPS = {
    "loading, tracing": (("load", "load_tasks"), ("zip", "survey")),
    "forward passes": (("stream", "pass_through"),),
    "calibration data": (("batches", "__call__"),),
    "sampled rows": (("rows", "rows_of"),),
    "moments": (("gather", "add"), ("gather", "moments"), ("depthwise", "gather_channels")),
    "weights turned": (("turned", "turned"),),
    "refit": (("masks", "refit"),),
    "balance": (("scales", "_balanced"),),
    "pairs: costs": (("pairing", "pair_costs"), ("pairing", "l2_costs")),
    "pairs: assignment": (("assign", "hungarian"), ("assign", "greedy")),
    "merged vectors, their cost": (("merging", "merge"),),
    "joint layers": (("apply", "apply"), ("apply", "private_layer")),
    "reconstruction": (("reconstruct", "reconstruct"),),
    "saving": (("joint", "save"),),
    "evaluation": (("evaluate", "error_percent"),),
}
"""What users call a step → the functions that it is, by module and name. They overlap in
calibration data, which is read while loading too, and in the passes that reconstruction makes."""


@dataclass(frozen=True)
class _Passes:
    """Of one network over its task's calibration data."""

    images: int
    seconds: float
    cpu_seconds: float


def measure_zip(config: Config, folder: Path) -> ZipCost:
    """Pass the data through the originals, zip a config whose modules lie in `folder`, and pass it
    through what came out.
    """
    load_before = os.getloadavg()[0]
    before = {task.name: _pass(task, task.network) for task in load_tasks(config, folder)}
    profile = cProfile.Profile()
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as out:
        networks = profile.runcall(
            run_zip, _without_evaluation(config), folder, Path(out), Silent()
        )
    zip_wall, zip_cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    after = {task.name: _pass(task, networks.joint.task(task.name)) for task in networks.tasks}
    errors = _output_errors(config, folder, networks)
    passes = (*before.values(), *after.values())
    return ZipCost(
        zip_seconds=zip_wall,
        zip_cpu_seconds=zip_cpu,
        forward_seconds=sum(each.seconds for each in passes),
        forward_cpu_seconds=sum(each.cpu_seconds for each in passes),
        peak_rss_bytes=peak,
        size_ratio=_size_ratio(networks),
        threads=torch.get_num_threads(),
        load_average=(load_before, os.getloadavg()[0]),
        steps=_steps(profile, zip_wall),
        tasks=tuple(
            TaskCost(
                name=name,
                images=found.images,
                forward_seconds=before[name].seconds + found.seconds,
                output_error=errors[name],
            )
            for name, found in after.items()
        ),
    )


def _without_evaluation(config: Config) -> Config:
    tasks = tuple(each.model_copy(update={"evaluation": None}) for each in config.tasks)
    return config.model_copy(update={"tasks": tasks})


@torch.no_grad()
def _pass(task: Task, network: nn.Module) -> _Passes:
    images, seconds, cpu_seconds = 0, 0.0, 0.0
    for batch in task.calibration():
        started, cpu = time.perf_counter(), time.process_time()
        network(batch)
        seconds += time.perf_counter() - started
        cpu_seconds += time.process_time() - cpu
        images += len(batch)
    return _Passes(images, seconds, cpu_seconds)


def _output_errors(config: Config, folder: Path, networks: Networks) -> dict[str, float | None]:
    code = UserFolder(folder)
    errors: dict[str, float | None] = {}
    for given, task in zip(config.tasks, networks.tasks, strict=True):
        errors[task.name] = None
        if given.evaluation is not None:
            batches = find_function(given.evaluation, code, f"task {task.name}")
            errors[task.name] = _output_error(task, networks, batches())
    return errors


@torch.no_grad()
def _output_error(
    task: Task,
    networks: Networks,
    batches: Iterable[torch.Tensor | tuple[torch.Tensor, torch.Tensor]],
) -> float:
    joint = networks.joint.task(task.name)
    wrong = power = 0.0
    for batch in batches:
        inputs = batch if isinstance(batch, torch.Tensor) else batch[0]
        before = task.network(inputs)
        wrong += float((joint(inputs) - before).square().sum())
        power += float(before.square().sum())
    return wrong / power


def _size_ratio(networks: Networks) -> float:
    separate = sum(p.numel() for task in networks.tasks for p in task.network.parameters())
    return sum(p.numel() for p in networks.joint.parameters()) / separate


def _steps(profile: cProfile.Profile, whole: float) -> dict[str, float]:
    """Seconds of each step, longest first, and what is left."""
    functions = {
        (Path(file).stem, name): cumulative
        for (file, _, name), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]  # not in the stubs
        if "pipeline" in Path(file).parts
    }
    found = {step: sum(functions.get(each, 0.0) for each in of) for step, of in STEPS.items()}
    known = {step: seconds for step, seconds in found.items() if seconds > 0}
    ranked = sorted(known.items(), key=lambda each: -each[1])
    return {**dict(ranked), "other": whole - sum(known.values())}


def main(
    config: Annotated[Path, typer.Argument(help="A config that `deploy zip` takes.")],
    max_ratio: Annotated[
        float | None,
        typer.Option(help="Fail when the zip costs more than so many times the passes."),
    ] = None,
    max_peak_gb: Annotated[float | None, typer.Option(help="Fail above this peak RSS.")] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Fail when the zip takes longer.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures here.")] = None,
) -> None:
    """Measure what zipping a config costs; exit code 1 above a limit."""
    with errors_told():
        cost = measure_zip(load_config(config), config.resolve().parent)
        Console().print(render(cost))
        if json is not None:
            cost.write(json)
        peak = None if max_peak_gb is None else int(max_peak_gb * GB)
        check(cost, Limits(ratio=max_ratio, peak_rss_bytes=peak, seconds=max_seconds))


if __name__ == "__main__":
    typer.run(main)
