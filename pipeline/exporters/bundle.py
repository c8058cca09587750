"""The bundle folder: model files for every runtime, golden tensors, and the manifest."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import ExportConfig
from taskzip.contracts.errors import TaskzipError
from taskzip.contracts.names import Runtime
from taskzip.contracts.progress import Progress
from taskzip.pipeline.exporters.accuracy import Measuring
from taskzip.pipeline.exporters.golden import describe, describe_tiny, tiny_entry
from taskzip.pipeline.exporters.ledger import sharing
from taskzip.pipeline.exporters.model_files import (
    PlannedModel,
    describe_file,
    describe_model,
    notes_on,
    planned_models,
)
from taskzip.pipeline.exporters.provenance import versions
from taskzip.pipeline.exporters.replaced_folder import replacing_folder
from taskzip.pipeline.exporters.two_forms import Exports
from taskzip.pipeline.exporters.workers import ExportWorkers


def write_bundle(
    exports: Exports,
    config: ExportConfig,
    folder: Path,
    workers: ExportWorkers,
    progress: Progress,
) -> Bundle:
    """Export, check and write everything; `folder` is replaced only when all of it is there."""
    with replacing_folder(folder) as made:
        tiny = tiny_entry()
        tasks = exports.tasks
        planned = planned_models(exports, tiny, config)
        described = tuple(describe(task, made) for task in tasks)  # before the long work
        failures = _make(planned, config, made, workers, progress)
        models = [model for model in planned if model.runtime not in failures]
        measuring = Measuring(workers, {task.name: task.data for task in tasks}, made, progress)
        bundle = Bundle(
            tasks=described,
            tiny=describe_tiny(tiny, made),
            models=tuple(file for model in models for file in describe_model(model, measuring)),
            data=tuple(describe_file(path, made) for path in sorted((made / "golden").iterdir())),
            sharing=sharing({task.name: task.joint for task in tasks}),
            tolerance=config.tolerance,
            notes=(
                *(note for model in models for note in notes_on(model, made)),
                *(f"{runtime} is left out: {error}" for runtime, error in failures.items()),
            ),
            plan_sha256=exports.plan_sha256,
            versions=versions(),
        )
        bundle.write(made / BUNDLE_FILE)
    return bundle


def _make(
    models: Sequence[PlannedModel],
    config: ExportConfig,
    folder: Path,
    workers: ExportWorkers,
    progress: Progress,
) -> Mapping[Runtime, TaskzipError]:
    """Make the files; the runtimes that are left out, of which nothing stays, and why."""
    orders = [model.order(folder) for model in models]
    if not config.keep_going:
        workers.export(orders, config.tolerance, progress)
        return {}
    failures = workers.export_where_possible(orders, config.tolerance, progress).failures
    for order in orders:
        if order.runtime in failures:
            for path in order.paths:
                path.unlink(missing_ok=True)
    return failures
