"""What each network or config that cannot be zipped is told."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as users write it
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.trace import trace

Networks = Callable[..., nn.Sequential]


class Wrapped(nn.Module):
    """A convolution, then whatever `then` does, then a head."""

    def __init__(self, then: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(2 * 4 * 4, 3)
        self._then = then

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self._then(self.conv(x)))
        return scores


def message_for(network: nn.Module, shape: tuple[int, ...] = (1, 6, 6)) -> str:
    with pytest.raises(BadInput) as caught:
        trace("digits", network.eval(), torch.randn(2, *shape))
    return str(caught.value)


@pytest.mark.parametrize(
    "then",
    [
        lambda x: F.relu(x).flatten(1),
        lambda x: x.relu().view(x.size(0), -1),
        lambda x: torch.relu(x).reshape(-1, 32),
        lambda x: torch.flatten(F.dropout(x.relu_(), training=False), 1),
        lambda x: (
            F.adaptive_avg_pool2d(F.max_pool2d(x, 1), (4, 4)).contiguous().view(x.shape[0], 32)
        ),
        lambda x: F.adaptive_max_pool2d(F.avg_pool2d(x, 1), 4).flatten(start_dim=1).flatten(1),
    ],
)
def test_functional_forms_are_understood(then: Callable[[torch.Tensor], torch.Tensor]) -> None:
    network = Wrapped(then).eval()
    x = torch.randn(2, 1, 6, 6)
    chain = trace("digits", network, x)
    rebuilt = nn.Sequential(
        *(
            module
            for layer in chain.layers
            for module in (layer.module(), *(op.module() for op in layer.ops))
        )
    )
    assert torch.equal(rebuilt(x), network(x))


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (lambda x: torch.sigmoid(x).flatten(1), "operation 'sigmoid' after layer 'conv'"),
        (lambda x: (x + x.relu()).flatten(1), "takes conv, relu"),
        (lambda x: (x * 2).flatten(1), "operation 'mul' after layer 'conv'"),
        (lambda x: F.dropout(x).flatten(1), "stays active in eval mode"),
        (lambda x: x.flatten(1) if x.sum() > 0 else x, "cannot be traced by torch.fx"),
        (lambda x: x.flatten(2).flatten(1), "only flattening all but the batch fits"),
    ],
)
def test_operations_that_are_not_known_are_named_with_their_layer(
    then: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    text = message_for(Wrapped(then))
    assert text.startswith("task digits: ")
    assert said in text


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)], "BatchNorm2d '1' cannot be zipped"),
        ([nn.Conv2d(1, 2, 3), nn.Tanh()], "Tanh '1' cannot be zipped"),
        ([nn.Conv2d(1, 1, 3, groups=1, padding_mode="reflect", padding=1)], "padding_mode"),
        pytest.param(
            [nn.Conv2d(1, 2, 2, padding="same")],
            "even kernel",
            marks=pytest.mark.filterwarnings("ignore:Using padding='same'"),
        ),
        ([nn.Linear(6, 2)], "on an input of 4 dimensions"),
        ([nn.ReLU()], "without Conv2d or Linear"),
    ],
)
def test_layers_that_are_not_known_are_named(layers: list[nn.Module], said: str) -> None:
    assert said in message_for(nn.Sequential(*layers))


def test_grouped_convolutions_are_refused() -> None:
    assert "groups=2" in message_for(nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), (2, 6, 6))


def test_a_layer_that_is_used_twice_is_refused() -> None:
    layer = nn.Linear(4, 4)
    assert "used twice" in message_for(nn.Sequential(layer, nn.ReLU(), layer), (4,))


def test_padding_same_means_half_the_kernel() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, (3, 5), padding="same"), nn.Conv2d(2, 1, 1))
    geometry = trace("digits", network.eval(), torch.randn(1, 1, 6, 6)).layers[0].geometry
    assert geometry is not None
    assert geometry.padding == (1, 2)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            [nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)],
            "'0' of t0 is Conv2d(1 → 4, kernel 3×3, stride 1×1, padding 0×0, dilation 1×1), "
            "'0' of t1 is Conv2d(1 → 4, kernel 5×5, stride 1×1, padding 0×0, dilation 1×1)",
        ),
        (
            [nn.Flatten(), nn.Linear(100, 4), nn.ReLU(), nn.Linear(4, 3)],
            "t0 starts with nothing, t1 with flatten()",
        ),
        (
            [nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(256, 3)],
            "'0' of t0 is followed by relu(), flatten(), '0' of t1 by flatten()",
        ),
        (
            [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5), nn.Linear(5, 3)],
            "t1 goes on after '3' Linear(4, 64 positions each → 5) with '4' Linear(5 → 3), "
            "t0 ends with '3' Linear(4, 64 positions each → 3)",
        ),
    ],
)
def test_networks_that_do_not_align_name_both_layers(
    try_zip: Callable[..., object], other: list[nn.Module], said: str
) -> None:
    one = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3))
    with pytest.raises(BadInput, match="networks do not align") as caught:
        try_zip([one, nn.Sequential(*other)])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ({"conv1": 1.0}, "no hidden layer is called 'conv1'; did you mean"),
        ({"9": 1.0}, "'9' is the output layer, which is never shared"),
        (5, "layer '0' cannot share 5 channels; the narrowest task has 4"),
        ({"0": 0}, "layer '3' cannot share 6 channels, since the layer before it, '0'"),
    ],
)
def test_shares_that_cannot_be_are_explained(
    convolutional: Networks, try_zip: Callable[..., object], share: object, said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        try_zip([convolutional(), convolutional()], share=share)
    assert said in str(caught.value)
