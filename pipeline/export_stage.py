"""The export stage: networks in, the bundle folder and the ledger of its files out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import Config, ExportConfig, TaskConfig
from taskzip.contracts.names import Runtime
from taskzip.contracts.progress import Progress
from taskzip.pipeline import layout
from taskzip.pipeline.entry import EntryPoint, TensorNames
from taskzip.pipeline.exporters.accuracy import (
    CALIBRATION_SAMPLES,
    TaskData,
    first_samples,
)
from taskzip.pipeline.exporters.bundle import write_bundle
from taskzip.pipeline.exporters.two_forms import Exports, JointFile, TwoForms
from taskzip.pipeline.exporters.workers import ExportWorkers, export_workers
from taskzip.pipeline.forms import chosen_forms, count_positions, layers_by_name
from taskzip.pipeline.inspection.inspect import inspect
from taskzip.pipeline.networks.evaluate import with_own_answers
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.stamp import hash_file
from taskzip.pipeline.zip_stage import Networks
from taskzip.pipeline.zipper.forms import FormedNetwork, in_forms
from taskzip.pipeline.zipper.joint import JointNetwork

StartWorkers = Callable[[Sequence[Runtime]], AbstractContextManager[ExportWorkers]]


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
        tasks = tuple(
            _two_forms(task, networks, names[task.name], count) for task in networks.tasks
        )
        joints = _joint_files(tasks, networks.joint, config.export)
        exports = Exports(tasks, joints, hash_file(layout.plan(out_dir)))
        folder = layout.bundle_folder(out_dir)
        bundle = write_bundle(exports, config.export, folder, workers, progress)
    inspect(folder).write(layout.ledger(out_dir))
    return bundle


def _two_forms(task: Task, networks: Networks, config: TaskConfig, samples: int) -> TwoForms:
    data = _data(task, samples)
    inputs = tuple(each[:1].clone() for each in data.calibration)
    names = TensorNames(config.input_names, config.output_names)
    joint = networks.joint.task(task.name)
    return TwoForms(task.name, joint, task.network, inputs, data, names)


def _joint_files(
    tasks: tuple[TwoForms, ...], joint: JointNetwork, config: ExportConfig
) -> dict[Runtime, JointFile]:
    """Of each runtime; those that have all layers in the same forms have the same entries."""
    layers = layers_by_name(joint)
    positions = count_positions(layers, joint, {task.name: task.inputs for task in tasks})
    files: dict[Runtime, JointFile] = {}
    for runtime in config.runtimes:
        forms = chosen_forms(layers, config, runtime, positions)
        same = next((each for each in files.values() if each.forms == forms), None)
        files[runtime] = same or JointFile(_entries(tasks, in_forms(joint, forms)), forms)
    return files


def _entries(
    tasks: tuple[TwoForms, ...], formed: Mapping[str, FormedNetwork]
) -> tuple[EntryPoint, ...]:
    return tuple(
        replace(task.entry(formed[task.name].network), recipes=formed[task.name].recipes)
        for task in tasks
    )


def _data(task: Task, count: int) -> TaskData:
    calibration = (first_samples(task.calibration(), count),)
    evaluation = task.evaluation
    if evaluation is None:
        return TaskData(calibration, None, task.metric)
    return TaskData(calibration, lambda: with_own_answers(task.network, evaluation()), task.metric)
