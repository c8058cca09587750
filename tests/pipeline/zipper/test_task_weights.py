"""Tasks that count more than others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.task import relative_weights
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.zipper import Zipped, zip_tasks
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.second_moment import SecondMoment

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

FAR_MORE = 1e9


def weighted(trial: object, weights: tuple[float, ...], **config: object) -> Zipped:
    tasks = [
        replace(task, weight=weight)
        for task, weight in zip(trial.tasks, weights, strict=True)  # type: ignore[attr-defined]
    ]
    return zip_tasks(tasks, ZipConfig.model_validate({"reconstruct_steps": 5, **config}), Silent())


def difference(trial: object, zipped: Zipped, index: int) -> float:
    task = trial.tasks[index]  # type: ignore[attr-defined]
    with torch.no_grad():
        return max(
            float((task.network(x) - zipped.joint.task(task.name)(x)).square().mean())
            for x in task.calibration()
        )


@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_the_weighted_optimum_is_the_minimum_of_the_weighted_sum(tasks: int) -> None:
    generator = torch.Generator().manual_seed(tasks)
    rows = [torch.randn(9, 4, generator=generator).double() for _ in range(tasks)]
    vectors = [torch.randn(1, 4, generator=generator).double() for _ in range(tasks)]
    alphas = [0.3 + index for index in range(tasks)]
    moments = [SecondMoment.of_matrix(x.T @ x).scaled(a) for x, a in zip(rows, alphas, strict=True)]
    stacked = torch.cat([a**0.5 * x for x, a in zip(rows, alphas, strict=True)])
    wanted = [a**0.5 * x @ w[0] for x, w, a in zip(rows, vectors, alphas, strict=True)]
    best = torch.linalg.lstsq(stacked, torch.cat(wanted)[:, None]).solution[:, 0]
    assert torch.allclose(optimum(moments, vectors)[0], best, atol=1e-9)


@pytest.mark.parametrize("refit", [True, False])
def test_a_task_that_counts_for_all_keeps_its_own_network(
    convolutional: Networks, try_zip: TryZip, refit: bool
) -> None:
    trial = try_zip([convolutional(seed=1), convolutional(seed=2)])
    equal = weighted(trial, (1, 1), refit=refit)
    first, second = (weighted(trial, each, refit=refit) for each in ((FAR_MORE, 1), (1, FAR_MORE)))
    assert difference(trial, first, 0) < 1e-5 < difference(trial, equal, 0)
    assert difference(trial, second, 1) < 1e-5 < difference(trial, equal, 1)


def test_equal_weights_change_no_byte(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    trial = try_zip([convolutional(seed=seed) for seed in (1, 2, 3)], reconstruct_steps=5)
    trial.zipped.joint.save(tmp_path / "plain")
    weighted(trial, (0.1, 0.1, 0.1)).joint.save(tmp_path / "equal")
    files = [tmp_path / each / "joint.safetensors" for each in ("plain", "equal")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_only_ratios_matter_and_their_mean_is_one(convolutional: Networks, try_zip: TryZip) -> None:
    trial = try_zip([convolutional(seed=1), convolutional(seed=2)])
    tasks = [replace(trial.tasks[0], weight=3.0), replace(trial.tasks[1], weight=1.0)]
    assert relative_weights(tasks) == {"t0": 1.5, "t1": 0.5}


@pytest.mark.parametrize("key", ["weight", "loss_weight"])
def test_retraining_follows_the_weights(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path, key: str
) -> None:
    trial = try_zip([convolutional(seed=1), convolutional(seed=2)], refit=False)
    config = RetrainConfig(iterations=20, rate=0.02, batch_size=20, loss="squared")

    def trained(key: str, weights: tuple[float, float]) -> list[float]:
        zipped = weighted(trial, (1, 1), refit=False)
        tasks = [
            replace(task, **{"weight": 1000.0, key: weight})
            for task, weight in zip(trial.tasks, weights, strict=True)
        ]
        retrain(zipped.joint, tasks, config, Silent(), tmp_path / str(weights))
        return [difference(trial, zipped, index) for index in (0, 1)]

    first, second = trained(key, (1000, 1)), trained(key, (1, 1000))
    assert first[0] < second[0]
    assert second[1] < first[1]
