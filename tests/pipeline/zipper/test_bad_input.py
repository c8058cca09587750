"""What networks and configs that cannot be zipped are told, and what merely stays private."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput

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
