"""Tasks from a config: networks built, weights loaded, data functions found and checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from taskzip.contracts.config import Config, TaskConfig
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.batches import CheckedExamples, CheckedInputs
from taskzip.pipeline.networks.functions import find_function
from taskzip.pipeline.networks.metric import CheckedMetric, Metric, wrong_class_percent
from taskzip.pipeline.networks.network import load_network
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder


def load_tasks(config: Config, folder: Path) -> tuple[Task, ...]:
    """The config's tasks, with modules from `folder`; BadInput says which task and why not.

    The first calibration batch of every task is tried; later batches are checked as they pass.
    """
    code = UserFolder(folder)
    return tuple(_load(task, code) for task in config.tasks)


def _load(task: TaskConfig, code: UserFolder) -> Task:
    network = load_network(task, code)
    where = f"task {task.name}: calibration {task.calibration}"
    calibration = CheckedInputs(find_function(task.calibration, code, where), where)
    _try_first_batch(network, calibration)
    return Task(
        task.name,
        network,
        calibration,
        evaluation=_evaluation(task, code),
        training=_training(task, code),
        metric=_metric(task, code),
        loss=task.loss,
        weight=task.weight,
        loss_weight=task.loss_weight,
        feature_weight=task.feature_weight,
    )


def _evaluation(task: TaskConfig, code: UserFolder) -> CheckedExamples | None:
    if task.evaluation is None:
        return None
    where = f"task {task.name}: evaluation {task.evaluation}"
    are_classes = task.metric == "classification"
    return CheckedExamples(find_function(task.evaluation, code, where), where, are_classes)


def _training(task: TaskConfig, code: UserFolder) -> CheckedExamples | None:
    if task.training is None:
        return None
    where = f"task {task.name}: training {task.training}"
    return CheckedExamples(find_function(task.training, code, where), where)


def _metric(task: TaskConfig, code: UserFolder) -> Metric:
    if task.metric == "classification":
        return wrong_class_percent
    where = f"task {task.name}: metric {task.metric}"
    return CheckedMetric(find_function(task.metric, code, where), where)


def _try_first_batch(network: nn.Module, calibration: CheckedInputs) -> None:
    running: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    batch = next(calibration())[:2]
    hooks = _record_running(network, running)
    try:
        with torch.no_grad():
            network(batch)
    except Exception as error:
        layer, module, shape = running[-1]
        raise BadInput(
            f"{calibration.source}: a batch of shape {tuple(batch.shape)} does not pass the "
            f"network: {layer} ({type(module).__name__}) got {shape}: {error}"
        ) from error
    finally:
        for handle in hooks:
            handle.remove()


def _record_running(
    network: nn.Module, running: list[tuple[str, nn.Module, tuple[int, ...]]]
) -> list[RemovableHandle]:
    """Hooks that keep in `running` which modules have started and not ended, with input shapes."""

    def started(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            shape = tuple(getattr(inputs[0], "shape", ())) if inputs else ()
            running.append((name, module, shape))

        return hook

    def ended(module: nn.Module, inputs: object, output: object) -> None:
        running.pop()

    hooks = []
    for name, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(started(name or "the network")))
        hooks.append(module.register_forward_hook(ended))
    return hooks
