"""Budgets and plans, on whole networks."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.pipeline.zipper import Aids, zip_tasks
from taskzip.pipeline.zipper.plan import Plan

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py


def weight_bytes(module: nn.Module) -> int:
    return 4 * sum(each.numel() for each in (*module.parameters(), *module.buffers()))


def normed(seed: int) -> nn.Module:
    """Batch norm, a residual sum, flattened channels."""
    torch.manual_seed(seed)

    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6))
            self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6))
            self.wide = nn.Linear(6 * 25, 12)
            self.head = nn.Linear(12, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x).relu()
            x = nn.functional.max_pool2d((x + self.block(x)).relu(), 2)
            scores: torch.Tensor = self.head(self.wide(x.flatten(1)).relu())
            return scores

    return Normed().eval()


@pytest.mark.parametrize("tasks", [2, 3])
@pytest.mark.parametrize("part", [0.0, 0.4, 0.9])
def test_no_more_bytes_than_asked_are_stored(try_zip: TryZip, part: float, tasks: int) -> None:
    networks = [normed(seed) for seed in range(tasks)]
    least, most = (
        weight_bytes(try_zip(networks, share=share, refit=False).zipped.joint) for share in (1.0, 0)
    )
    limit = int(least + part * (most - least)) + 600
    trial = try_zip(networks, max_bytes=limit, reconstruct_steps=0)
    assert weight_bytes(trial.zipped.joint) <= limit
    assert any(group.shared for group in trial.zipped.plan.groups)


def test_more_bytes_allow_less_error(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]

    def error(ratio: float) -> float:
        outputs = try_zip(networks, max_size_ratio=ratio, reconstruct_steps=0).outputs()
        return sum(float((a - b).square().mean()) for a, b in outputs)

    assert error(0.95) < error(0.55)


def test_a_predicted_error_of_nothing_shares_nothing_that_differs(
    convolutional: Networks, try_zip: TryZip
) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    trial = try_zip(networks, max_error=1e-9)
    assert trial.largest_difference() < 1e-3
    copies = try_zip([convolutional(), convolutional()], max_error=1e-9)
    assert [layer.shared for layer in copies.zipped.layers] == [4, 6, 8, 0]


def test_a_budget_below_the_minimum_says_the_minimum(
    convolutional: Networks, try_zip: TryZip
) -> None:
    with pytest.raises(BadInput, match=r"cannot have 100 bytes .* ask for max_bytes = \d+"):
        try_zip([convolutional(seed=1), convolutional(seed=2)], max_bytes=100)


def test_a_measured_error_is_kept(convolutional: Networks, try_zip: TryZip) -> None:
    trial = try_zip([convolutional(seed=1), convolutional(seed=2)], share=0)
    seen: list[tuple[int, float]] = []

    def measure(joint: nn.Module) -> float:
        points = 10.0 * sum(each.numel() < 60 for each in joint.shared.parameters())
        seen.append((weight_bytes(joint), points))
        return points

    config = ZipConfig(max_error=5.0, reconstruct_steps=0)
    found = zip_tasks(trial.tasks, config, Silent(), Aids(measure=measure))
    kept = [points for size, points in seen if size == weight_bytes(found.joint)]
    assert all(points <= 5.0 for points in kept)


def test_a_plan_applied_again_gives_the_same_bytes(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    first = try_zip(networks, max_size_ratio=0.8)
    first.zipped.plan.write(tmp_path / "plan.json")
    second = try_zip(networks, plan=tmp_path / "plan.json")
    for folder, trial in (("a", first), ("b", second)):
        trial.zipped.joint.save(tmp_path / folder)
    written = [(tmp_path / each / "joint.safetensors").read_bytes() for each in "ab"]
    assert written[0] == written[1]
    assert second.zipped.plan == first.zipped.plan


def edited(plan: Plan, groups: dict[str, tuple[int, ...]]) -> Plan:
    first, *others = plan.groups
    return plan.model_copy(
        update={"groups": (first.model_copy(update={"groups": groups}), *others)}
    )


def test_an_edited_plan_is_followed(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    plan = try_zip(networks).zipped.plan
    edited(plan, {"t0": (2, 0), "t1": (1, 3)}).write(tmp_path / "plan.json")
    trial = try_zip(networks, plan=tmp_path / "plan.json")
    assert trial.zipped.layers[0].shared == 2
    assert trial.zipped.plan.groups[0].groups == {"t0": (2, 0), "t1": (1, 3)}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"t0": (0, 1), "t1": (1,)}, "needs as many channels of every task, but has t0 2, t1 1"),
        ({"t0": (0, 1), "t1": (1, 4)}, "t1 gives channel 4, but has 4"),
        ({"t0": (0, 0), "t1": (1, 2)}, "t0 gives channel 0 twice"),
        ({"t0": (0,), "cats": (1,)}, "has tasks t0, cats; the config has t0, t1"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(
    convolutional: Networks,
    try_zip: TryZip,
    tmp_path: Path,
    groups: dict[str, tuple[int, ...]],
    said: str,
) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    plan = try_zip(networks, share=0).zipped.plan
    edited(plan, groups).write(tmp_path / "plan.json")
    with pytest.raises(BadInput) as caught:
        try_zip(networks, plan=tmp_path / "plan.json")
    assert said in str(caught.value)


def unbiased(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
    blocks = [nn.Conv2d(1, 8, 3, bias=False), nn.ReLU(), depthwise, nn.Conv2d(8, 24, 1), nn.ReLU()]
    last = nn.Conv2d(24, 8, 3, bias=False)
    return nn.Sequential(*blocks, last, nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 3)).eval()


@pytest.mark.parametrize("affine", ["all", "none"])
def test_biases_that_the_refit_adds_are_within_the_budget(try_zip: TryZip, affine: str) -> None:
    networks = [unbiased(1), unbiased(2)]
    separate = sum(weight_bytes(each) for each in networks)
    for ratio in (0.8, 0.85, 0.9):
        settings = {"affine": affine, "share_depthwise": False, "reconstruct_steps": 0}
        trial = try_zip(networks, shape=(1, 10, 10), max_size_ratio=ratio, **settings)
        assert weight_bytes(trial.zipped.joint) <= ratio * separate
