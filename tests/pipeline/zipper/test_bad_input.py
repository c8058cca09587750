"""What networks and configs that cannot be zipped are told, and what merely stays private."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import ZIP_METHODS
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import Zipped, zip_tasks

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py


class Branching(nn.Module):
    """Decides by its data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


def test_a_network_that_branches_on_data_is_told_the_way_out(try_zip: TryZip) -> None:
    with pytest.raises(
        BadInput, match=r"task t0: torch\.export cannot trace the network"
    ) as caught:
        try_zip([Branching(), Branching()])
    assert "torch.where" in str(caught.value)
    assert "test_bad_input.py" in str(caught.value)
    assert "in forward: return x.flatten(1) if x.sum() > 0" in str(caught.value)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ({"conv1": 1.0}, "no layer that can be shared is called 'conv1'; did you mean"),
        ({"9": 1.0}, "no layer that can be shared is called '9'"),
        (5, "layer '0' cannot share 5 channels; the narrowest task has 4"),
    ],
)
def test_shares_that_cannot_be_are_explained(
    convolutional: Networks, try_zip: TryZip, share: object, said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        try_zip([convolutional(), convolutional()], share=share)
    assert said in str(caught.value)


def test_layers_whose_outputs_are_added_take_one_share(try_zip: TryZip) -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 3, padding=1)
            self.block = nn.Conv2d(4, 4, 3, padding=1)
            self.head = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x).relu()
            x = x + self.block(x)
            scores: torch.Tensor = self.head(x.mean((2, 3)))
            return scores

    with pytest.raises(BadInput, match="'stem' 4, 'block' 2: the outputs of these layers are add"):
        try_zip([Residual().eval(), Residual().eval()], share={"stem": 4, "block": 2})


def test_networks_with_nothing_in_common_stay_apart_and_say_why(try_zip: TryZip) -> None:
    one = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3))
    other = nn.Sequential(nn.Flatten(), nn.Linear(100, 4), nn.ReLU(), nn.Linear(4, 3))
    trial = try_zip([one.eval(), other.eval()])
    assert trial.zipped.parameters.shared == 0
    assert trial.largest_difference() == 0
    assert trial.zipped.notes == (
        "t0: 0 Conv2d(1 → 4, kernel 3×3, stride 1×1, padding 0×0, dilation 1×1) stays private: "
        "no other network has its like here",
        "t1: 1 Linear(100 → 4) stays private: no other network has its like here",
    )


def test_what_is_not_understood_stays_private_and_is_named(try_zip: TryZip) -> None:
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        networks.append(
            nn.Sequential(
                *(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 3)),
                *(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                nn.Linear(4, 3),
            ).eval()
        )
    trial = try_zip(networks)
    said = "t0: 2 (aten.conv_transpose2d.input) stays private"
    assert any(said in note for note in trial.zipped.notes), trial.zipped.notes
    assert [layer.shared for layer in trial.zipped.layers] == [4, 4, 0]


def rows(seed: int = 0, count: int = 40) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))


def dense(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)]
    return nn.Sequential(*layers).eval()


def zipped(networks: list[nn.Module], data: list[torch.Tensor], **config: object) -> Zipped:
    tasks = [
        Task(f"t{index}", network, lambda batch=batch: [batch])
        for index, (network, batch) in enumerate(zip(networks, data, strict=True))
    ]
    settings = ZipConfig.model_validate({"reconstruct_steps": 5, **config})
    return zip_tasks(tasks, settings, Silent())


def test_a_network_that_overflows_is_named_with_the_layer_and_the_number() -> None:
    networks = [dense(1), dense(2)]
    for layer in (0, 2):
        networks[1][layer].weight.data.abs_().mul_(1e25)  # of one sign: no order of sums gives nan
    with pytest.raises(BadInput) as caught:
        zipped(networks, [rows(), rows(1)])
    said = str(caught.value)
    assert said.startswith("task t1: layer '2': output before activation ")
    assert "inf (counted from 0)" in said
    assert said.endswith("is the calibration data scaled as in training?")


def test_a_depthwise_layer_that_overflows_is_named_too(try_zip: TryZip) -> None:
    def network(seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, 3)).eval()

    networks = [network(1), network(2)]
    for layer in (0, 2):
        networks[0][layer].weight.data *= 1e25
    with pytest.raises(BadInput, match="task t0: layer '2': output before activation"):
        try_zip(networks)


def test_what_only_merging_makes_infinite_is_told_apart() -> None:
    networks = [dense(1), dense(2)]
    networks[0][0].weight.data *= 1e25
    data = [rows() * 1e-25, rows(1) * 1e20]
    with pytest.raises(BadInput) as caught:
        zipped(networks, data, method="heads-only")
    said = str(caught.value)
    assert said.startswith("task t1: layer '2': input ")
    assert "the original network stays finite here" in said
    assert "share less of them (zip.share)" in said


def test_dead_inputs_are_damped_and_told() -> None:
    networks, data = [dense(1), dense(2)], [rows(), rows(1)]
    data[1][:, [2, 5]] = 0
    networks[0][0].bias.data[:3] = -1e3
    result = zipped(networks, data, damping=0.01)
    found = {(each.task, each.layer): (each.dead, each.of) for each in result.dead_inputs}
    assert found[("t1", "0")] == (2, 7)
    assert ("t0", "0") not in found
    first = next(each for each in result.dead_inputs if each.layer == "0")
    mean_square = float(data[1].double().square().mean(0).sum() + 1) / 7
    assert first.damping == pytest.approx(0.01 * mean_square)
    answers = result.joint.task("t1")(data[1])
    assert bool(answers.isfinite().all())


@pytest.mark.parametrize("method", ZIP_METHODS)
def test_one_sample_is_enough(method: str) -> None:
    data = [rows(0, 1), rows(1, 1)]
    result = zipped([dense(1), dense(2)], data, method=method)
    assert [layer.shared for layer in result.layers] == [8, 7, 0]
    answers = result.joint.task("t0")(data[0])
    assert bool(answers.isfinite().all())


@pytest.mark.parametrize("asked", [{"max_bytes": 100}, {"max_size_ratio": 0.1}])
def test_a_budget_below_the_private_minimum_is_told_it_and_it_is_enough(
    asked: dict[str, float],
) -> None:
    networks, data = [dense(1), dense(2)], [rows(), rows(1)]
    with pytest.raises(BadInput, match="ask for max_bytes = ") as caught:
        zipped(networks, data, **asked)
    least = re.search(r"max_bytes = (\d+) or max_size_ratio = ([\d.]+)", str(caught.value))
    assert least is not None
    for enough in ({"max_bytes": int(least[1])}, {"max_size_ratio": float(least[2])}):
        result = zipped(networks, data, **enough)
        assert result.parameters.joint * 4 <= int(least[1])


def test_zipit_says_whose_data_a_network_cannot_stand() -> None:
    networks = [dense(1), dense(2)]
    networks[0][0].weight.data *= 1e20
    with pytest.raises(BadInput, match=r"zipit .* t0 answers it with numbers that are not finite"):
        zipped(networks, [rows() * 1e-20, rows(1) * 1e30], method="zipit")
