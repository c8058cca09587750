"""The same networks zipped at sizes from nothing shared to all shared."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from taskzip.contracts.config import Config
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipsweep import SweepPoint, ZipSweep
from taskzip.pipeline import layout
from taskzip.pipeline.interrupted import checkpoints_of
from taskzip.pipeline.measured import Measured, mean_increase, output_error
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.zipper import JointNetwork, decide, survey
from taskzip.pipeline.zipper.budget import within_bytes
from taskzip.pipeline.zipper.checkpoint import Checkpoints
from taskzip.pipeline.zipper.density import predicted_error, sizes_of, with_density
from taskzip.pipeline.zipper.engine import run
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.plan import Plan
from taskzip.pipeline.zipper.planning import choices_of, counts_of
from taskzip.pipeline.zipper.stored import stored_bytes
from taskzip.pipeline.zipper.zip import separate_bytes

SIZES = 8
"""Of the curve, ends included, evenly spaced in bytes."""


def sweep(
    config: Config, folder: Path, out_dir: Path, progress: Progress, *, fresh: bool = False
) -> ZipSweep:
    """Zip at each size what the solver chooses for it, and write `sweep.json`.

    What an interrupted run has finished is not done again, unless `fresh` says so.
    """
    checkpoints = checkpoints_of("sweep", config, out_dir, progress)
    if fresh:
        checkpoints.remove()
    tasks = checkpoints.watched(load_tasks(config, folder))
    given = ("max_bytes", "max_size_ratio", "max_error", "max_pair_cost", "plan")
    plain = config.zip.model_copy(update=dict.fromkeys(given))
    scene, method = decide(survey(tasks, plain, progress), plain, progress)
    sizes = _densities if plain.method == "hybrid" else _sharings
    measured = Measured(tasks)
    points = []
    for sized, predicted in sizes(scene, method, progress, checkpoints):
        joint, plan = run(sized, method, progress, checkpoints)
        error = predicted_error(joint, plan) if predicted is None else predicted
        points.append(_point(sized, error, plan, joint, measured))
    found = ZipSweep(points=_with_pareto(points))
    found.write(layout.sweep(out_dir))
    checkpoints.remove()
    return found


def _sharings(
    scene: Scene, method: Method, progress: Progress, checkpoints: Checkpoints
) -> Iterator[tuple[Scene, float | None]]:
    """From nothing shared to all shared, with the predicted error."""
    choices = choices_of(scene, method, progress, checkpoints)
    for limit in _evenly(choices.none.size_bytes, choices.most.size_bytes):
        sharing = within_bytes(choices, limit)
        progress.step(f"zipping to {sharing.size_bytes:,} bytes")
        yield replace(scene, counts=counts_of(scene, sharing)), sharing.error


def _densities(
    scene: Scene, method: Method, progress: Progress, checkpoints: Checkpoints
) -> Iterator[tuple[Scene, float | None]]:
    """From as many entries as separate networks have bytes to none; what they do is not known."""
    sizes = sizes_of(scene, method, progress, checkpoints)
    for limit in _evenly(separate_bytes(scene.tasks), sizes.least_bytes):
        density = sizes.largest(limit)
        progress.step(f"zipping with density {density:.4f}")
        yield with_density(scene, density), None


def _evenly(most: int, least: int) -> Iterator[int]:
    if least >= most:
        raise BadInput("these networks have nothing in common to share; there is no curve to draw")
    return (most - (most - least) * step // (SIZES - 1) for step in range(SIZES))


def _point(
    sized: Scene, predicted: float, plan: Plan, joint: JointNetwork, measured: Measured
) -> SweepPoint:
    tasks = sized.tasks
    evaluated = measured.tasks(joint)
    size_bytes = stored_bytes(joint)
    is_hybrid = sized.config.method == "hybrid"
    return SweepPoint(
        shared={group.name: group.shared for group in plan.groups},
        density=sized.config.hybrid_density if is_hybrid else None,
        bytes=size_bytes,
        size_ratio=size_bytes / separate_bytes(tasks),
        predicted_error=predicted,
        output_error={task.name: output_error(task, joint) for task in tasks},
        tasks=evaluated,
        mean_increase_points=mean_increase(evaluated),
        is_pareto=False,
    )


def _with_pareto(points: Sequence[SweepPoint]) -> tuple[SweepPoint, ...]:
    return tuple(
        point.model_copy(
            update={
                "is_pareto": not any(
                    other.bytes <= point.bytes and error_of(other) < error_of(point)
                    for other in points
                )
            }
        )
        for point in points
    )


def error_of(point: SweepPoint) -> float:
    """The measured increase, or without labels the mean output error."""
    if point.mean_increase_points is not None:
        return point.mean_increase_points
    return sum(point.output_error.values()) / len(point.output_error)
