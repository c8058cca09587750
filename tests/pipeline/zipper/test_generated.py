"""Networks put together at random from everything that can be zipped."""

from collections.abc import Callable

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

STREAM = 6
"""Channels between the blocks."""
HEADS, WIDTH = 3, 2
SHAPE = (2, 6, 6)
SAME_FUNCTION = 1e-5
"""Relative to the largest output."""
NO_COST = 1e-9
EXAMPLES = 3


class Block(nn.Module):
    """Six channels in and out; `inner` writes hidden channels in units, `reads` reads them."""

    inner: tuple[nn.Module, ...] = ()
    reads: nn.Module
    unit = 1
    parts = 1

    def permute(self, generator: torch.Generator) -> None:
        """Bring the hidden units into another order."""
        if not self.inner:
            return
        units = self.reads.weight.shape[1] // self.unit
        order = torch.randperm(units, generator=generator)
        for module in self.inner:
            for values in (*module.parameters(), *module.buffers()):
                if values.dim():
                    parts = values.data.unflatten(0, (self.parts, units, -1))
                    values.data = parts[:, order].flatten(0, 2)
        read = self.reads.weight
        read.data = read.data.unflatten(1, (units, -1))[:, order].flatten(1, 2)


def _conv(dimensions: int, inputs: int, outputs: int, **options: int) -> nn.Module:
    kind = nn.Conv1d if dimensions == 1 else nn.Conv2d
    return kind(inputs, outputs, 3, padding=1, **options)


def _norm(dimensions: int, channels: int) -> nn.Module:
    norm = nn.BatchNorm1d(channels) if dimensions == 1 else nn.BatchNorm2d(channels)
    nn.init.normal_(norm.running_mean, 0, 0.3)  # type: ignore[arg-type]
    nn.init.uniform_(norm.running_var, 0.5, 2)  # type: ignore[arg-type]
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    return norm


class Plain(Block):
    """A convolution, batch norm before or after the activation."""

    def __init__(self, dimensions: int, after: bool) -> None:
        super().__init__()
        norm, relu = _norm(dimensions, STREAM), nn.ReLU()
        ends = (relu, norm) if after else (norm, relu)
        self.all = nn.Sequential(_conv(dimensions, STREAM, STREAM), *ends)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.all(x)
        return y


class Residual(Block):
    """Two convolutions beside a residual sum."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.wide = _conv(dimensions, STREAM, 8)
        self.norm = _norm(dimensions, 8)
        self.reads = _conv(dimensions, 8, STREAM)
        self.inner = (self.wide, self.norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.reads(self.norm(self.wide(x)).relu())  # type: ignore[no-any-return]


class Groups(Block):
    """A wide layer, one in groups or depthwise, with a multiplier or without."""

    def __init__(self, dimensions: int, width: int, multiplier: int) -> None:
        super().__init__()
        self.unit = width * multiplier
        self.wide = _conv(dimensions, STREAM, 4 * width)
        outputs = 4 * width * multiplier
        self.each = _conv(dimensions, 4 * width, outputs, groups=4)
        self.reads = _conv(dimensions, outputs, STREAM)
        self.inner = (self.wide, self.each)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reads(self.each(self.wide(x).relu()).sigmoid())  # type: ignore[no-any-return]


class Beside(Block):
    """Two branches put beside each other."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.left, self.right = (_conv(dimensions, STREAM, each) for each in (2, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.left(x).relu(), self.right(x).tanh()], dim=1)


class Gated(Block):
    """Half of a layer's channels gate the other half."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.both = _conv(dimensions, STREAM, 8)
        self.reads = _conv(dimensions, 4, STREAM)
        self.inner, self.parts = (self.both,), 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.both(x).chunk(2, dim=1)
        return self.reads(left * right.sigmoid())  # type: ignore[no-any-return]


class Tokens(Block):
    """Positions as tokens: attention, layer norm, feed-forward neurons; and back."""

    def __init__(self, dimensions: int, packed: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(STREAM)
        self.packed = packed
        layers = [nn.Linear(STREAM, (3 if packed else 1) * HEADS * WIDTH) for _ in range(3)]
        self.asks = nn.ModuleList(layers[:1] if packed else layers)
        self.reads = nn.Linear(HEADS * WIDTH, STREAM)
        self.inner, self.unit = tuple(self.asks), WIDTH
        self.parts = 3 if packed else 1
        self.wide, self.narrow = nn.Linear(STREAM, 7), nn.Linear(7, STREAM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.flatten(2).transpose(1, 2)
        z = self.norm(y)
        if self.packed:
            heads = self.asks[0](z).unflatten(2, (3, HEADS, WIDTH)).permute(2, 0, 3, 1, 4)
            q, k, v = heads.unbind(0)
        else:
            q, k, v = (e(z).unflatten(2, (HEADS, WIDTH)).transpose(1, 2) for e in self.asks)
        y = y + self.reads(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        y = y + self.narrow(gelu(self.wide(y)))
        return y.transpose(1, 2).unflatten(2, x.shape[2:])


BLOCKS: dict[str, Callable[[int], Block]] = {
    "plain": lambda d: Plain(d, after=False),
    "norm after": lambda d: Plain(d, after=True),
    "residual": Residual,
    "groups": lambda d: Groups(d, width=2, multiplier=1),
    "multiplied groups": lambda d: Groups(d, width=2, multiplier=2),
    "depthwise": lambda d: Groups(d, width=1, multiplier=1),
    "multiplied depthwise": lambda d: Groups(d, width=1, multiplier=3),
    "beside": Beside,
    "gated": Gated,
    "attention": lambda d: Tokens(d, packed=False),
    "packed attention": lambda d: Tokens(d, packed=True),
}


class Network(nn.Module):
    """A first layer, blocks, and a head that reads pooled or flattened channels."""

    def __init__(self, dimensions: int, kinds: list[str], flat: bool) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.first = _conv(dimensions, 2, STREAM)
        self.blocks = nn.ModuleList(BLOCKS[kind](dimensions) for kind in kinds)
        self.flat = flat
        self.wide = nn.Linear(STREAM * 36 if flat else STREAM, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x.flatten(2) if self.dimensions == 1 else x).relu()
        for block in self.blocks:
            x = block(x)
        x = x.flatten(1) if self.flat else x.flatten(2).mean(2)
        scores: torch.Tensor = self.head(self.wide(x).relu())
        return scores


plans = st.tuples(
    st.sampled_from([1, 2]),
    st.lists(st.sampled_from(list(BLOCKS)), min_size=1, max_size=3),
    st.booleans(),
)


def made(plan: tuple[int, list[str], bool], seed: int) -> Network:
    torch.manual_seed(seed)
    return Network(*plan).eval()


def permuted(network: Network) -> Network:
    generator = torch.Generator().manual_seed(3)
    for block in network.blocks:
        assert isinstance(block, Block)
        block.permute(generator)
    return network


def relative_difference(trial: "Trial") -> float:  # type: ignore[name-defined]  # noqa: F821
    return max(
        float((before - after).abs().max()) / max(1.0, float(before.abs().max()))
        for before, after in trial.outputs()
    )


generated = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    # The fixture is a function: nothing of one example is left for the next.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@generated
@given(plan=plans)
def test_sharing_nothing_gives_the_original_outputs(
    try_zip: TryZip, plan: tuple[int, list[str], bool]
) -> None:
    trial = try_zip([made(plan, 1), made(plan, 2)], shape=SHAPE, share=0)
    assert relative_difference(trial) < SAME_FUNCTION


@generated
@given(plan=plans)
def test_a_copy_with_hidden_units_in_another_order_costs_nothing(
    try_zip: TryZip, plan: tuple[int, list[str], bool]
) -> None:
    networks = [made(plan, 1), permuted(made(plan, 1))]
    with torch.no_grad():
        probe = torch.randn(2, *SHAPE)
        assert torch.allclose(networks[0](probe), networks[1](probe), atol=1e-4)
    trial = try_zip(networks, shape=SHAPE, refit=False, damping=1e-6, affine="none")
    assert relative_difference(trial) < 2 * SAME_FUNCTION
    assert all(layer.shared == layer.of["t0"] for layer in trial.zipped.layers[:-1])
    for group in trial.zipped.plan.groups:
        assert sum(group.costs) <= NO_COST * group.power
