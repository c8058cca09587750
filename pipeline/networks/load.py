"""Tasks from a config: networks built, weights loaded, data functions found and checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from taskzip.contracts.config import Config, TaskConfig
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.batches import CheckedInputs, CheckedPairs
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.networks.weights import load_weights


def load_tasks(config: Config, folder: Path) -> tuple[Task, ...]:
    """The config's tasks, with modules from `folder`; BadInput says which task and why not.

    The first calibration batch of every task is tried; later batches are checked as they pass.
    """
    code = UserFolder(folder)
    return tuple(_load(task, code) for task in config.tasks)


def _load(task: TaskConfig, code: UserFolder) -> Task:
    network = _build(task, code)
    load_weights(network, task.weights)
    network.eval()
    calibration = CheckedInputs(
        _function(task.calibration, code, task.name, "calibration"),
        f"task {task.name}: calibration {task.calibration}",
    )
    _try_first_batch(network, calibration)
    return Task(task.name, network, calibration, _evaluation(task, code))


def _build(task: TaskConfig, code: UserFolder) -> nn.Module:
    factory = _function(task.network, code, task.name, "network")
    where = f"task {task.name}: network {task.network}"
    try:
        network = factory()
    except Exception as error:
        raise BadInput(f"{where}: failed with {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise BadInput(
            f"{where}: returned an object of type {type(network).__name__}; "
            "a torch.nn.Module is needed"
        )
    return network


def _evaluation(task: TaskConfig, code: UserFolder) -> CheckedPairs | None:
    if task.evaluation is None:
        return None
    function = _function(task.evaluation, code, task.name, "evaluation")
    return CheckedPairs(function, f"task {task.name}: evaluation {task.evaluation}")


def _function(reference: str, code: UserFolder, task: str, key: str) -> Callable[[], Any]:
    module_name, _, name = reference.partition(":")
    where = f"task {task}: {key} {reference}"
    try:
        module = code.module(module_name)
    except Exception as error:
        raise BadInput(
            f"{where}: module {module_name!r} does not import from {code.folder} "
            f"({type(error).__name__}: {error})"
        ) from error
    found: Callable[[], Any] | None = getattr(module, name, None)
    if not callable(found):
        raise BadInput(f"{where}: module {module_name!r} has no function {name!r}")
    return found


def _try_first_batch(network: nn.Module, calibration: CheckedInputs) -> None:
    running: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    batch = next(calibration())
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
