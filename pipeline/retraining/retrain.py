"""The joint network trained a little on all tasks at once, without labels or with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from taskzip.contracts.config import RetrainConfig
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.pipeline.fingerprint import key_of
from taskzip.pipeline.networks.task import Task, relative_weights
from taskzip.pipeline.retraining.checkpoint import Checkpoint
from taskzip.pipeline.retraining.examples import gather, split
from taskzip.pipeline.retraining.losses import loss_of
from taskzip.pipeline.retraining.run import Run, Side
from taskzip.pipeline.zipper.joint import JointNetwork

KEPT_BYTES = 1 << 30
"""Of all tasks' inputs and targets together."""


@dataclass(frozen=True)
class LossChange:
    """A task's loss over its held-out examples."""

    before: float
    after: float


@dataclass(frozen=True)
class Retrained:
    """What was done."""

    iterations: int
    stopped_early: bool
    seconds: float
    """Interruptions do not count."""
    losses: dict[str, LossChange]


def retrain(
    joint: JointNetwork,
    tasks: Sequence[Task],
    config: RetrainConfig,
    progress: Progress,
    checkpoint: Path,
) -> Retrained:
    """Train `joint` in place; at the end it has the weights of the lowest held-out loss.

    State is written to `checkpoint` every few seconds; if it holds an earlier run with the
    same network, data and config, that run goes on, and ends with the same weights as one that was
    never interrupted. The caller removes it when the result is safe. Zeros of pruned layers stay
    zeros. BadInput where data or outputs do not fit the config.
    """
    progress.step(f"collecting what to retrain on: {config.target}")
    weights = relative_weights(tasks)
    limit_bytes = KEPT_BYTES // len(tasks)
    sides = [_side(joint, task, config, limit_bytes, weights[task.name]) for task in tasks]
    key = _key(joint, tasks, sides, config)
    file = Checkpoint(checkpoint, key, config.checkpoint_seconds)
    run = Run(joint, sides, config)
    if file.resume(run):
        progress.step(f"retraining goes on after iteration {run.standing.iteration}")
    with progress_bar(progress, "retraining", config.iterations) as bar:
        progress.advance(bar, run.standing.iteration)
        while not run.is_done:
            run.step()
            file.write_if_due(run)
            progress.advance(bar)
    run.finish()
    return _retrained(run, file.seconds)


def _side(
    joint: JointNetwork, task: Task, config: RetrainConfig, limit_bytes: int, weight: float
) -> Side:
    examples = gather(task, config.target, limit_bytes)
    learned, held_out = split(examples, config.seed)
    loss = loss_of(task, config, examples.targets)
    return Side(task.name, joint.task(task.name), learned, held_out, loss, weight)


def _key(
    joint: JointNetwork, tasks: Sequence[Task], sides: Sequence[Side], config: RetrainConfig
) -> str:
    losses = " ".join(task.loss or config.loss for task in tasks)
    examples = [each for side in sides for each in (side.learned, side.held_out)]
    settings = config.model_dump_json(exclude={"checkpoint_seconds"})
    return key_of(
        (
            settings,
            losses,
            joint.spec.model_dump_json(),
            str([side.weight for side in sides]),
            torch.__version__,
        ),
        (
            *joint.state_dict().values(),
            *(tensor for each in examples for tensor in (each.inputs, each.targets)),
        ),
    )


def _retrained(run: Run, seconds: float) -> Retrained:
    standing = run.standing
    losses = {
        name: LossChange(before, standing.best_losses[name])
        for name, before in standing.first_losses.items()
    }
    return Retrained(standing.iteration, run.stopped_early, seconds, losses)
