"""The zip stage: tasks in, the joint network and `zip.json` out."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.config import Config
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipresult import Cost, ZippedTask, ZipResult
from taskzip.pipeline import layout
from taskzip.pipeline.interrupted import checkpoints_of
from taskzip.pipeline.measured import Measured, measure_of
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.training import Training
from taskzip.pipeline.zipper import Aids, JointNetwork, zip_tasks
from taskzip.pipeline.zipper.checkpoint import Checkpoints

KIB = 1024


@dataclass(frozen=True)
class Networks:
    """The tasks with their own networks, and the joint one."""

    tasks: tuple[Task, ...]
    joint: JointNetwork


def run_zip(
    config: Config, folder: Path, out_dir: Path, progress: Progress, *, fresh: bool = False
) -> Networks:
    """Zip, retrain, evaluate, and write `zip.json`, the joint network and the plan.

    What an interrupted run has finished is not done again, unless `fresh` says so.
    """
    checkpoints = checkpoints_of("zip", config, out_dir, progress)
    if fresh:
        _forget(checkpoints, out_dir)
    progress.step(f"loading {len(config.tasks)} networks")
    tasks = checkpoints.watched(load_tasks(config, folder))
    started = time.monotonic()
    measured = Measured(tasks)
    training = Training(tasks, config.retrain, layout.retrain_checkpoint(out_dir), progress)
    if training.follows_layers:
        checkpoints.depend_on("what is retrained on", training.digest())
    aids = Aids(measure_of(measured, tasks), checkpoints, training.tune)
    zipped = zip_tasks(tasks, config.zip, progress, aids)
    seconds = time.monotonic() - started + checkpoints.seconds_saved
    cost = Cost(seconds=seconds, peak_rss_bytes=_peak_rss_bytes())
    retrained = training.finish(zipped.joint)
    zipped.joint.save(layout.zip_folder(out_dir))
    zipped.plan.write(layout.plan(out_dir))
    ZipResult(
        cost=cost,
        tasks=_told(measured.tasks(zipped.joint), progress),
        parameters=zipped.parameters,
        bytes=zipped.bytes,
        layers=zipped.layers,
        notes=zipped.notes,
        dead_inputs=zipped.dead_inputs,
        retrain=retrained,
    ).write(layout.zip_result(out_dir))
    _forget(checkpoints, out_dir)
    return Networks(tasks, zipped.joint)


def load_networks(config: Config, folder: Path, out_dir: Path) -> Networks:
    """The tasks, and the joint network that an earlier zip wrote."""
    return Networks(load_tasks(config, folder), JointNetwork.load(layout.zip_folder(out_dir)))


def _forget(checkpoints: Checkpoints, out_dir: Path) -> None:
    checkpoints.remove()
    layout.retrain_checkpoint(out_dir).unlink(missing_ok=True)


def _told(tasks: tuple[ZippedTask, ...], progress: Progress) -> tuple[ZippedTask, ...]:
    for task in tasks:
        if task.error_percent:
            before, after = task.error_percent.separate, task.error_percent.joint
            progress.step(f"{task.name}: error {before:.2f} % → {after:.2f} %")
    return tasks


def _peak_rss_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
