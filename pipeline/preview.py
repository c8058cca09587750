"""What a build would do, found out without doing it."""

from pathlib import Path

from taskzip.contracts.config import Config
from taskzip.contracts.document import Document
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipresult import ZippedLayer
from taskzip.pipeline.build import Stages
from taskzip.pipeline.layout import model_path
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.zipper import decide, layers, survey


class Preview(Document):
    """The plan of a build."""

    layers: tuple[ZippedLayer, ...]
    zip_runs: tuple[str, ...]
    """Why the zip stage would run; empty if it would not."""
    export_runs: tuple[str, ...]
    """Why the export stage would run; empty if it would not."""
    files: tuple[str, ...]
    """Model files, below the output folder."""


def preview(config: Config, folder: Path, out_dir: Path) -> Preview:
    """What `build` would do; the networks are loaded and aligned, nothing is written."""
    stages = Stages(config, folder.absolute(), out_dir)
    zip_runs = stages.reasons_to_zip()
    return Preview(
        layers=_layers(config, folder),
        zip_runs=zip_runs,
        export_runs=("the zip runs",) if zip_runs else stages.reasons_to_export(),
        files=_files(config),
    )


def _layers(config: Config, folder: Path) -> tuple[ZippedLayer, ...]:
    """A budget is solved for this; one that is measured shows the most that would be tried."""
    scene = survey(load_tasks(config, folder), config.zip, Silent())
    return layers(decide(scene, config.zip, Silent())[0])


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
