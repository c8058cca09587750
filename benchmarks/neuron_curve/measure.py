"""Zips in which one layer shares more and more, by chance, by MTZ, and by MTZ with the refit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from taskzip.contracts.config import Config, ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.zipcurve import CurvePoint, CurveWay, ZipCurve
from taskzip.contracts.zipresult import ErrorPercent
from taskzip.pipeline.measured import Measured
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.zipper import JointNetwork, survey, zip_scene
from taskzip.pipeline.zipper.methods.method import Scene


def measure_curve(config: Config, folder: Path, points: int, progress: Progress) -> ZipCurve:
    """`points` zips for each layer and way, from none of its neurons shared to all.

    BadInput where a task has no evaluation data or nothing can be shared.
    """
    tasks = load_tasks(config, folder)
    without = [task.name for task in tasks if task.evaluation is None]
    if without:
        raise BadInput(f"task {', '.join(without)}: no evaluation data; a curve needs errors")
    scene = survey(tasks, config.zip, progress)
    if not scene.alignment.groups:
        raise BadInput("these networks have nothing in common to share; there is no curve to draw")
    measured = Measured(tasks)
    wanted = list(_wanted(scene, points))
    found: list[CurvePoint] = []
    separate: dict[str, float] = {}
    with progress_bar(progress, "zipping", len(wanted)) as bar:
        for group, shared, way in wanted:
            errors = _errors(measured, _zipped(scene, group, shared, way, progress))
            separate = {name: each.separate for name, each in errors.items()}
            found.append(
                CurvePoint(
                    layer=scene.alignment.groups[group].name,
                    way=way,
                    shared=shared,
                    of=scene.alignment.groups[group].width,
                    error_percent={name: each.joint for name, each in errors.items()},
                )
            )
            progress.advance(bar)
    return ZipCurve(separate_percent=separate, points=tuple(found))


def ways(config: ZipConfig) -> dict[CurveWay, ZipConfig]:
    """The three curves; the paper's method is alone: no scales, shifts or refit."""
    plain = {"refit": False, "affine": "none"}
    return {
        "random": config.model_copy(update={"method": "random", **plain}),
        "mtz": config.model_copy(update={"method": "mtz", **plain}),
        "mtz with refit": config.model_copy(update={"method": "mtz", "refit": True}),
    }


def _wanted(scene: Scene, points: int) -> Iterator[tuple[int, int, CurveWay]]:
    for group, aligned in enumerate(scene.alignment.groups):
        counts = sorted({round(aligned.width * step / (points - 1)) for step in range(points)})
        for way in ways(scene.config):
            yield from ((group, shared, way) for shared in counts)


def _zipped(
    scene: Scene, group: int, shared: int, way: CurveWay, progress: Progress
) -> JointNetwork:
    widths = [each.width for each in scene.alignment.groups]
    counts = (*widths[:group], shared, *[0] * (len(widths) - group - 1))
    config = ways(scene.config)[way]
    return zip_scene(replace(scene, counts=counts), config, progress).joint


def _errors(measured: Measured, joint: JointNetwork) -> dict[str, ErrorPercent]:
    return {
        each.name: each.error_percent
        for each in measured.tasks(joint)
        if each.error_percent is not None
    }
