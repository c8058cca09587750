"""The same networks zipped at sizes from nothing shared to all shared."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from taskzip.contracts.config import Config
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipsweep import SweepPoint, ZipSweep
from taskzip.pipeline import layout
from taskzip.pipeline.measured import Measured, mean_increase, output_error
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import JointNetwork, decide, survey
from taskzip.pipeline.zipper.budget import within_bytes
from taskzip.pipeline.zipper.engine import run
from taskzip.pipeline.zipper.planning import choices_of, counts_of
from taskzip.pipeline.zipper.sharing import Sharing

SIZES = 8
"""Of the curve, ends included, evenly spaced in bytes."""
WEIGHT_BYTES = 4


def sweep(config: Config, folder: Path, out_dir: Path, progress: Progress) -> ZipSweep:
    """Zip at each size what the solver chooses for it, and write `sweep.json`."""
    tasks = load_tasks(config, folder)
    given = ("max_bytes", "max_size_ratio", "max_error", "max_pair_cost", "plan")
    plain = config.zip.model_copy(update=dict.fromkeys(given))
    scene, method = decide(survey(tasks, plain, progress), plain, progress)
    choices = choices_of(scene, method, progress)
    least, most = choices.most.size_bytes, choices.none.size_bytes
    if least == most:
        raise BadInput("these networks have nothing in common to share; there is no curve to draw")
    measured = Measured(tasks)
    points = []
    for step in range(SIZES):
        sharing = within_bytes(choices, most - (most - least) * step // (SIZES - 1))
        progress.step(f"zipping to {sharing.size_bytes:,} bytes")
        sized = replace(scene, counts=counts_of(scene, sharing))
        joint, _ = run(sized, method, plain.method, progress)
        points.append(_point(sharing, joint, tasks, measured))
    found = ZipSweep(points=_with_pareto(points))
    found.write(layout.sweep(out_dir))
    return found


def _point(
    sharing: Sharing, joint: JointNetwork, tasks: Sequence[Task], measured: Measured
) -> SweepPoint:
    evaluated = measured.tasks(joint)
    weights = sum(each.numel() for each in (*joint.parameters(), *joint.buffers()))
    separate = sum(each.numel() for task in tasks for each in task.network.parameters())
    return SweepPoint(
        shared=sharing.counts,
        bytes=weights * WEIGHT_BYTES,
        size_ratio=weights / separate,
        predicted_error=sharing.error,
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
