"""A case's config with the weights and seed of one repetition."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from taskzip.contracts.config import Config, TaskConfig, load_config
from taskzip.contracts.errors import BadInput
from taskzip.contracts.zipcases import Case
from taskzip.pipeline.networks.task import Task


def seeded_config(case: Case, repetition: int, folder: Path) -> Config:
    """BadInput when the config does not fit, or the case names a task that it does not have."""
    config = load_config(folder / case.config)
    seed = case.seeds[repetition]
    unknown = sorted(set(seed.weights) - {task.name for task in config.tasks})
    if unknown:
        raise BadInput(f"case {case.name!r}: {case.config} has no task {', '.join(unknown)}")
    return config.model_copy(
        update={
            "tasks": tuple(_with_weights(task, seed.weights, folder) for task in config.tasks),
            "zip": config.zip.model_copy(update={"seed": seed.seed}),
            "retrain": config.retrain.model_copy(update={"seed": seed.seed}),
        }
    )


def fingerprint(config: Config, tasks: Sequence[Task]) -> str:
    """Of all that decides a zip but the data: keys and weights, as hexadecimal SHA-256."""
    digest = hashlib.sha256()
    for keys, task in zip(config.tasks, tasks, strict=True):
        digest.update(keys.model_dump_json(exclude={"weights", "network"}).encode())
        for name, tensor in task.network.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    digest.update(config.zip.model_dump_json().encode())
    digest.update(config.retrain.model_dump_json().encode())
    return digest.hexdigest()


def _with_weights(task: TaskConfig, weights: dict[str, Path], folder: Path) -> TaskConfig:
    if task.name not in weights:
        return task
    return task.model_copy(update={"weights": (folder / weights[task.name]).resolve()})
