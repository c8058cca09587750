"""Retraining as the config asks for it: after each layer of the zip, after it, or not at all."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from taskzip.contracts.progress import Progress
from taskzip.contracts.retraining import RetrainConfig
from taskzip.contracts.zipresult import Retraining
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.retraining import Lessons
from taskzip.pipeline.zipper import JointNetwork, Tune


class Training:
    """What is learned from is gathered when it is first needed."""

    def __init__(
        self, tasks: Sequence[Task], config: RetrainConfig, checkpoint: Path, progress: Progress
    ) -> None:
        """`checkpoint` is where a training stands while it runs."""
        self._tasks = tasks
        self._config = config
        self._checkpoint = checkpoint
        self._progress = progress

    @property
    def follows_layers(self) -> bool:
        """Whether there is some after each layer."""
        return self._config.layer_iterations > 0

    @property
    def tune(self) -> Tune | None:
        """What a zip calls after each layer."""
        return self._tune if self.follows_layers else None

    def digest(self) -> str:
        """The sha256 of what is learned from, and how."""
        return self._lessons.digest

    def finish(self, joint: JointNetwork) -> Retraining | None:
        """Train what the zip made, and say what was done in all."""
        config = self._config
        after_layers = config.layer_iterations * len(joint.shared)
        if not config.iterations:
            if not after_layers:
                return None
            return Retraining(
                iterations=0, layer_iterations=after_layers, stopped_early=False, seconds=0.0
            )
        done = self._lessons.train(joint, config.iterations, self._checkpoint)
        for name, loss in done.losses.items():
            self._progress.step(f"{name}: held-out loss {loss.before:.4g} → {loss.after:.4g}")
        return Retraining(
            iterations=done.iterations,
            layer_iterations=after_layers,
            stopped_early=done.stopped_early,
            seconds=done.seconds,
        )

    @cached_property
    def _lessons(self) -> Lessons:
        return Lessons(self._tasks, self._config, self._progress)

    def _tune(self, joint: JointNetwork) -> None:
        self._lessons.train(joint, self._config.layer_iterations, self._checkpoint, stops=False)
