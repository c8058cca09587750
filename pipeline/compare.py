"""Every way of zipping the same networks, on the same footing."""

import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import torch

from taskzip.contracts.config import Config, ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import ZIP_METHODS
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipcomparison import ComparedZip, ZipComparison
from taskzip.contracts.zipresult import ErrorPercent, ZippedTask
from taskzip.pipeline import layout
from taskzip.pipeline.networks.evaluate import error_percent
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import JointNetwork, Zipped, survey, zip_scene


def compare(config: Config, folder: Path, out_dir: Path, progress: Progress) -> ZipComparison:
    """Zip with each method, with the refit and without, and write `compare.json`."""
    tasks = load_tasks(config, folder)
    scene = survey(tasks, config.zip, progress)
    separate = {task.name: _error(task, task.network) for task in tasks}
    found: list[ComparedZip] = []
    left_out: dict[str, str] = {}
    for way in _ways(config.zip):
        title = f"{way.method}{' with refit' if way.refit else ''}"
        progress.step(f"zipping: {title}")
        started = time.monotonic()
        try:
            zipped = zip_scene(scene, way, progress)
        except BadInput as error:
            left_out[title] = str(error)
            continue
        found.append(_row(way, zipped, tasks, separate, time.monotonic() - started))
    comparison = ZipComparison(zips=tuple(found), left_out=left_out)
    comparison.write(layout.comparison(out_dir))
    return comparison


def _ways(config: ZipConfig) -> Iterator[ZipConfig]:
    for method, refit in product(ZIP_METHODS, (False, True)):
        yield config.model_copy(update={"method": method, "refit": refit})


def _row(
    way: ZipConfig,
    zipped: Zipped,
    tasks: Sequence[Task],
    separate: dict[str, float | None],
    seconds: float,
) -> ComparedZip:
    evaluated = tuple(_evaluated(task, zipped.joint, separate[task.name]) for task in tasks)
    changes = [
        each.error_percent.joint - each.error_percent.separate
        for each in evaluated
        if each.error_percent
    ]
    return ComparedZip(
        method=way.method,
        refit=bool(way.refit),
        seconds=seconds,
        parameters=zipped.parameters.joint,
        size_ratio=zipped.parameters.joint / zipped.parameters.separate,
        tasks=evaluated,
        output_error={task.name: output_error(task, zipped.joint) for task in tasks},
        mean_increase_points=sum(changes) / len(changes) if changes else None,
    )


def _evaluated(task: Task, joint: JointNetwork, separate: float | None) -> ZippedTask:
    if separate is None:
        return ZippedTask(name=task.name, error_percent=None)
    after = _error(task, joint.task(task.name))
    error = None if after is None else ErrorPercent(separate=separate, joint=after)
    return ZippedTask(name=task.name, error_percent=error)


def _error(task: Task, network: torch.nn.Module) -> float | None:
    return None if task.evaluation is None else error_percent(network, task.evaluation())


@torch.no_grad()
def output_error(task: Task, joint: JointNetwork) -> float:
    """E‖joint − separate‖² / E‖separate‖² of a task's outputs, over its calibration data."""
    network = joint.task(task.name)
    wrong = power = 0.0
    for batch in task.calibration():
        before, after = task.network(batch), network(batch)
        wrong += float((after - before).square().sum())
        power += float(before.square().sum())
    return wrong / max(power, torch.finfo(torch.float32).tiny)
