"""What a joint network did to its tasks: errors where there is evaluation data, output errors."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from taskzip.contracts.zipresult import Density, ErrorPercent, ZippedTask
from taskzip.pipeline.networks.evaluate import error_percent, with_own_answers
from taskzip.pipeline.networks.task import ExampleBatches, Task
from taskzip.pipeline.zipper import JointNetwork
from taskzip.pipeline.zipper.masks import density, has_pruned_layer
from taskzip.pipeline.zipper.sparse_layer import without_entries


class Measured:
    """Measures joint networks of the same tasks; what separate networks do is measured once."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._separate: dict[str, float] = {}

    def tasks(self, joint: JointNetwork) -> tuple[ZippedTask, ...]:
        """Each task's error and density before and after; None where there is none to tell."""
        return tuple(self._task(task, joint) for task in self._tasks)

    def _task(self, task: Task, joint: JointNetwork) -> ZippedTask:
        network = joint.task(task.name)
        error = None if task.evaluation is None else self._error(task, task.evaluation, network)
        return ZippedTask(name=task.name, error_percent=error, density=_density(task, network))

    def _error(self, task: Task, evaluation: ExampleBatches, joint: nn.Module) -> ErrorPercent:
        def error_of(network: nn.Module) -> float:
            pairs = with_own_answers(task.network, evaluation())
            return error_percent(network, pairs, task.metric)

        if task.name not in self._separate:
            self._separate[task.name] = error_of(task.network)
        return ErrorPercent(separate=self._separate[task.name], joint=error_of(joint))


def _density(task: Task, joint: nn.Module) -> Density | None:
    if not has_pruned_layer(task.network):
        return None
    return Density(separate=density(task.network), joint=density(without_entries(joint)))


def mean_increase(tasks: Sequence[ZippedTask]) -> float | None:
    """Of errors that were measured before, in points; None unless all tasks have one."""
    errors = [each.error_percent for each in tasks if each.error_percent]
    if len(errors) < len(tasks):
        return None
    return sum(each.joint - each.separate for each in errors) / len(errors)


def measure_of(measured: Measured, tasks: Sequence[Task]) -> Callable[[JointNetwork], float] | None:
    """The mean increase as a function, None unless all tasks have evaluation data."""
    if any(task.evaluation is None for task in tasks):
        return None
    return lambda joint: mean_increase(measured.tasks(joint)) or 0.0


@torch.no_grad()
def output_error(task: Task, joint: JointNetwork) -> float:
    """E‖joint − separate‖² / E‖separate‖² of a task's outputs, over its calibration data."""
    network = joint.task(task.name)
    wrong = power = 0.0
    for batch in task.calibration():
        before, after = task.network(batch), network(batch)
        wrong += float((after - before).square().sum())
        power += float(before.square().sum())
    return wrong / max(power, torch.finfo(torch.float32).tiny)
