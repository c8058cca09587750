"""The export stage: networks in, the bundle folder and the ledger of its files out."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import Config, TaskConfig
from taskzip.contracts.names import Runtime
from taskzip.contracts.progress import Progress
from taskzip.pipeline import layout
from taskzip.pipeline.entry import TensorNames
from taskzip.pipeline.exporters.accuracy import (
    CALIBRATION_SAMPLES,
    TaskData,
    first_samples,
)
from taskzip.pipeline.exporters.bundle import write_bundle
from taskzip.pipeline.exporters.two_forms import TwoForms
from taskzip.pipeline.exporters.workers import ExportWorkers, export_workers
from taskzip.pipeline.inspection.inspect import inspect
from taskzip.pipeline.networks.evaluate import with_own_answers
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zip_stage import Networks
from taskzip.pipeline.zipper.sparse_layer import without_entries

StartWorkers = Callable[[Sequence[Runtime]], AbstractContextManager[ExportWorkers]]
_STORED_WHOLE = (
    "layers with sparse entries of the task's own are stored whole for it, as the runtimes have no "
    "sum of shared and sparse weights; they share no bytes in these files"
)


def run_export(
    config: Config,
    networks: Networks,
    out_dir: Path,
    progress: Progress,
    start_workers: StartWorkers = export_workers,
) -> Bundle:
    """Export and check every file, and put the bundle in place.

    `start_workers` lets a caller that exports often keep its workers running.
    """
    progress.step(f"starting the exporters for {' and '.join(config.export.runtimes)}")
    with start_workers(config.export.runtimes) as workers:
        count = 1 if config.export.precision == "fp32" else CALIBRATION_SAMPLES
        names = {each.name: each for each in config.tasks}
        tasks = [_two_forms(task, networks, names[task.name], count) for task in networks.tasks]
        folder = layout.bundle_folder(out_dir)
        bundle = write_bundle(tasks, config.export, folder, workers, progress)
    inspect(folder).write(layout.ledger(out_dir))
    return bundle


def _two_forms(task: Task, networks: Networks, config: TaskConfig, samples: int) -> TwoForms:
    network = networks.joint.task(task.name)
    plain = without_entries(network)
    notes = () if plain is network else (f"{task.name}: {_STORED_WHOLE}",)
    data = _data(task, samples)
    inputs = tuple(each[:1].clone() for each in data.calibration)
    names = TensorNames(config.input_names, config.output_names)
    return TwoForms(task.name, plain, task.network, inputs, data, names, notes)


def _data(task: Task, count: int) -> TaskData:
    calibration = (first_samples(task.calibration(), count),)
    evaluation = task.evaluation
    if evaluation is None:
        return TaskData(calibration, None, task.metric)
    return TaskData(calibration, lambda: with_own_answers(task.network, evaluation()), task.metric)
