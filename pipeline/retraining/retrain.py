"""The joint network trained a little on all tasks at once, without labels or with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.fingerprint import key_of
from taskzip.pipeline.networks.task import Task, relative_loss_weights
from taskzip.pipeline.retraining.augment import Augment
from taskzip.pipeline.retraining.checkpoint import Checkpoint
from taskzip.pipeline.retraining.examples import Examples, gather, split
from taskzip.pipeline.retraining.features import feature_weight_of, watched, watched_original
from taskzip.pipeline.retraining.front import parted, refuse_mixed_inputs
from taskzip.pipeline.retraining.losses import Loss, loss_of
from taskzip.pipeline.retraining.run import Run
from taskzip.pipeline.retraining.side import Side
from taskzip.pipeline.zipper.joint import JointNetwork, TaskNetwork


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


class Lessons:
    """What joint networks of some tasks learn from: gathered once, for any number of trainings."""

    def __init__(self, tasks: Sequence[Task], config: RetrainConfig, progress: Progress) -> None:
        """BadInput where data or outputs do not fit the config."""
        progress.step(f"collecting what to retrain on: {config.target}")
        self._progress = progress
        self._config = config
        limit_bytes = (config.examples_mib << 20) // len(tasks)
        weights = relative_loss_weights(tasks)
        self._of = [_Lesson.of(task, config, limit_bytes, weights[task.name]) for task in tasks]
        self._tensors = [tensor for each in self._of for tensor in each.tensors()]

    @cached_property
    def digest(self) -> str:
        """The sha256 of all examples and of what is asked of them."""
        config = self._config.model_dump_json(exclude={"checkpoint_seconds"})
        words = [f"{each.task.loss} {each.weight} {each.task.feature_weight}" for each in self._of]
        return key_of((config, *words, torch.__version__), self._tensors)

    def train(
        self, joint: JointNetwork, iterations: int, checkpoint: Path, *, stops: bool = True
    ) -> Retrained:
        """Train `joint` in place; at the end it has the weights of the lowest held-out loss.

        Unless it `stops`, the config's patience is endless.

        State is written to `checkpoint` every few seconds; if it holds an earlier run with the
        same network, data and config, that run goes on, and ends with the same weights as one that
        was never interrupted. The caller removes it when the result is safe. Zeros of pruned layers
        stay zeros.
        """
        changes = {"iterations": iterations} | ({} if stops else {"patience": 0})
        config = self._config.model_copy(update=changes)
        key = key_of(
            (self.digest, str(changes), joint.spec.model_dump_json()),
            joint.state_dict().values(),
        )
        file = Checkpoint(checkpoint, key, config.checkpoint_seconds)
        run = Run(joint, [each.side(joint) for each in self._of], config)
        if file.resume(run):
            done = run.standing.iteration
            self._progress.step(f"retraining goes on after iteration {done}")
        with progress_bar(self._progress, "retraining", iterations) as bar:
            self._progress.advance(bar, run.standing.iteration)
            while not run.is_done:
                run.step()
                file.write_if_due(run)
                self._progress.advance(bar)
        run.finish()
        joint.requires_grad_(True)
        return _retrained(run, file.seconds)


@dataclass(frozen=True)
class _Lesson:
    task: Task
    original: nn.Module
    """Watched, where features are learned."""
    learned: Examples
    held_out: Examples
    loss: Loss
    weight: float
    config: RetrainConfig

    @classmethod
    def of(cls, task: Task, config: RetrainConfig, limit_bytes: int, weight: float) -> "_Lesson":
        with_labels = config.label_weight > 0 and (task.loss or config.loss) == "divergence"
        original = watched_original(task) if feature_weight_of(task, config) > 0 else None
        examples = gather(
            task, config.target, limit_bytes, with_labels=with_labels, original=original
        )
        loss = loss_of(task, config, examples.targets)
        if augment := Augment.of(config):
            augment.check(task.name, examples.inputs)
        learned, held_out = split(examples, config.seed)
        if config.batch_norm and len(learned) == 1:
            raise BadInput(
                f"task {task.name}: there is one input to retrain on; retrain.batch_norm needs 2"
            )
        return cls(task, original or task.network, learned, held_out, loss, weight, config)

    def side(self, joint: JointNetwork) -> Side:
        whole = cast(TaskNetwork, joint.task(self.task.name))
        network: nn.Module = whole
        learned, held_out = self.learned, self.held_out
        if self.config.frozen_front:
            front, network = parted(whole)
            refuse_mixed_inputs(front, self.held_out.inputs, self.task.name)
            front.requires_grad_(False)
            learned, held_out = (each.through(front) for each in (learned, held_out))
        feature_weight = feature_weight_of(self.task, self.config)
        if feature_weight > 0:
            network = watched(network, whole)
        return Side(
            self.task.name,
            network,
            self.original,
            learned,
            held_out,
            self.loss,
            self.weight,
            self.config.label_weight,
            feature_weight,
            self.config.mixed_precision,
        )

    def tensors(self) -> tuple[torch.Tensor, ...]:
        return tuple(tensor for each in (self.learned, self.held_out) for tensor in each.tensors())


def retrain(
    joint: JointNetwork,
    tasks: Sequence[Task],
    config: RetrainConfig,
    progress: Progress,
    checkpoint: Path,
) -> Retrained:
    """Train `joint` for `config.iterations` on all tasks; see `Lessons.train`."""
    return Lessons(tasks, config, progress).train(joint, config.iterations, checkpoint)


def _retrained(run: Run, seconds: float) -> Retrained:
    standing = run.standing
    losses = {
        name: LossChange(before, standing.best_losses[name])
        for name, before in standing.first_losses.items()
    }
    return Retrained(standing.iteration, run.stopped_early, seconds, losses)
