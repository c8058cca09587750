"""What a build would do, found out without doing it."""

from collections.abc import Sequence
from pathlib import Path

from taskzip.contracts.config import Config
from taskzip.contracts.document import Document
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipresult import ZippedLayer
from taskzip.pipeline.build import Stages
from taskzip.pipeline.graph.channels import OUTPUT
from taskzip.pipeline.layout import model_path
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import decide, layers, survey
from taskzip.pipeline.zipper.memory import MemoryBound, memory_bound
from taskzip.pipeline.zipper.methods.method import Scene


class Preview(Document):
    """The plan of a build."""

    layers: tuple[ZippedLayer, ...]
    shared_percent: float
    """Of the channels of the first task's layers but the last, which is its own."""
    memory: MemoryBound
    notes: tuple[str, ...]
    """What stays private although it is no head, and why."""
    zip_runs: tuple[str, ...]
    """Why the zip stage would run; empty if it would not."""
    export_runs: tuple[str, ...]
    """Why the export stage would run; empty if it would not."""
    files: tuple[str, ...]
    """Model files, below the output folder."""


def preview(config: Config, folder: Path, out_dir: Path) -> Preview:
    """What `build` would do; networks are loaded and aligned, data counted, nothing is written."""
    stages = Stages(config, folder.absolute(), out_dir)
    zip_runs = stages.reasons_to_zip()
    tasks = load_tasks(config, folder)
    scene = _decided(config, tasks)
    return Preview(
        layers=layers(scene),
        shared_percent=_shared_percent(scene),
        memory=memory_bound(scene, {task.name: _images(task) for task in tasks}),
        notes=scene.alignment.notes,
        zip_runs=zip_runs,
        export_runs=("the zip runs",) if zip_runs else stages.reasons_to_export(),
        files=_files(config),
    )


def _images(task: Task) -> int:
    return sum(len(batch) for batch in task.calibration())


def _decided(config: Config, tasks: Sequence[Task]) -> Scene:
    """A budget is solved for this; one that is measured shows the most that would be tried."""
    scene = survey(tasks, config.zip, Silent())
    return decide(scene, config.zip, Silent())[0]


def _shared_percent(scene: Scene) -> float:
    first, *_ = scene.networks.values()
    widths = [
        layer.outputs
        for node, layer in first.graph.layers.items()
        if first.frozen.get(first.space_of(node)) != OUTPUT
    ]
    shared = sum(scene.counts[step.group] for step in scene.alignment.steps)
    return 100 * shared / sum(widths) if widths else 0.0


def _files(config: Config) -> tuple[str, ...]:
    tasks = [task.name for task in config.tasks]
    return tuple(
        f"bundle/{path}"
        for runtime in config.export.runtimes
        for path in (
            model_path(runtime, "joint", tasks[0]),
            *(model_path(runtime, "separate", task) for task in tasks),
        )
    )
