"""The zip stage: tasks in, the joint network and `zip.json` out."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from taskzip.contracts.config import Config
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipresult import Cost, ErrorPercent, ZippedTask, ZipResult
from taskzip.pipeline import layout
from taskzip.pipeline.networks.evaluate import error_percent
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import JointNetwork, zip_tasks

KIB = 1024


@dataclass(frozen=True)
class Networks:
    """The tasks with their own networks, and the joint one."""

    tasks: tuple[Task, ...]
    joint: JointNetwork


def run_zip(config: Config, folder: Path, out_dir: Path, progress: Progress) -> Networks:
    """Zip, evaluate, and write `zip.json`, the joint network and the plan."""
    progress.step(f"loading {len(config.tasks)} networks")
    tasks = load_tasks(config, folder)
    started = time.monotonic()
    zipped = zip_tasks(tasks, config.zip, progress)
    cost = Cost(seconds=time.monotonic() - started, peak_rss_bytes=_peak_rss_bytes())
    zipped.joint.save(layout.zip_folder(out_dir))
    zipped.plan.write(layout.plan(out_dir))
    ZipResult(
        cost=cost,
        tasks=tuple(_evaluated(task, zipped.joint.task(task.name), progress) for task in tasks),
        parameters=zipped.parameters,
        layers=zipped.layers,
    ).write(layout.zip_result(out_dir))
    return Networks(tasks, zipped.joint)


def load_networks(config: Config, folder: Path, out_dir: Path) -> Networks:
    """The tasks, and the joint network that an earlier zip wrote."""
    return Networks(load_tasks(config, folder), JointNetwork.load(layout.zip_folder(out_dir)))


def _evaluated(task: Task, joint: nn.Module, progress: Progress) -> ZippedTask:
    if task.evaluation is None:
        return ZippedTask(name=task.name, error_percent=None)
    errors = ErrorPercent(
        separate=error_percent(task.network, task.evaluation()),
        joint=error_percent(joint, task.evaluation()),
    )
    progress.step(f"{task.name}: error {errors.separate:.2f} % → {errors.joint:.2f} %")
    return ZippedTask(name=task.name, error_percent=errors)


def _peak_rss_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
