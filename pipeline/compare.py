"""Every way of zipping the same networks, on the same footing."""

import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from taskzip.contracts.config import Config, ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import ZIP_METHODS
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipcomparison import ComparedZip, ZipComparison
from taskzip.pipeline import layout
from taskzip.pipeline.interrupted import checkpoints_of
from taskzip.pipeline.measured import Measured, mean_increase, output_error
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import Aids, Zipped, survey, zip_scene


def compare(
    config: Config, folder: Path, out_dir: Path, progress: Progress, *, fresh: bool = False
) -> ZipComparison:
    """Zip with each method, with the refit and without, and write `compare.json`.

    What an interrupted run has finished is not done again, unless `fresh` says so.
    """
    checkpoints = checkpoints_of("compare", config, out_dir, progress)
    if fresh:
        checkpoints.remove()
    tasks = checkpoints.watched(load_tasks(config, folder))
    scene = survey(tasks, config.zip, progress)
    measured = Measured(tasks)
    found: list[ComparedZip] = []
    left_out: dict[str, str] = {}
    for way in _ways(config.zip):
        title = f"{way.method}{' with refit' if way.refit else ''}"
        progress.step(f"zipping: {title}")
        started, saved = time.monotonic(), checkpoints.seconds_saved
        try:
            zipped = zip_scene(scene, way, progress, Aids(checkpoints=checkpoints))
        except BadInput as error:
            left_out[title] = str(error)
            continue
        seconds = time.monotonic() - started + checkpoints.seconds_saved - saved
        found.append(_row(way, zipped, tasks, measured, seconds))
    comparison = ZipComparison(zips=tuple(found), left_out=left_out)
    comparison.write(layout.comparison(out_dir))
    checkpoints.remove()
    return comparison


def _ways(config: ZipConfig) -> Iterator[ZipConfig]:
    for method, refit in product(ZIP_METHODS, (False, True)):
        yield config.model_copy(update={"method": method, "refit": refit})


def _row(
    way: ZipConfig,
    zipped: Zipped,
    tasks: Sequence[Task],
    measured: Measured,
    seconds: float,
) -> ComparedZip:
    evaluated = measured.tasks(zipped.joint)
    return ComparedZip(
        method=way.method,
        refit=bool(way.refit),
        seconds=seconds,
        parameters=zipped.parameters.joint,
        size_ratio=zipped.bytes.joint / zipped.bytes.separate,
        tasks=evaluated,
        output_error={task.name: output_error(task, zipped.joint) for task in tasks},
        mean_increase_points=mean_increase(evaluated),
    )
