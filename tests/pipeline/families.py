"""One small network of every kind that can be zipped, for inputs of 2 × 9 × 9."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import relu


class Residual(nn.Module):
    """Batch norm, two residual blocks, a strided shortcut."""

    def __init__(self, width: int = 6, blocks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)),
                nn.ReLU(inplace=True),
                *(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)),
            )
            for _ in range(blocks)
        )
        self.shortcut = nn.Conv2d(width, 2 * width, 1, stride=2)
        self.head = nn.Linear(2 * width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = relu(x + block(x))
        scores: torch.Tensor = self.head(self.shortcut(x).relu().mean((2, 3)))
        return scores


class Concatenated(nn.Module):
    """Two branches put beside each other, read by a convolution and, flattened, by the head."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(2, 3, 3, padding=1)
        self.right = nn.Conv2d(2, 4, 1)
        self.after = nn.Conv2d(7, 5, 3, stride=3)
        self.head = nn.Linear(5 * 9, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = torch.cat([self.left(x).relu(), self.right(x).sigmoid()], dim=1)
        scores: torch.Tensor = self.head(self.after(both).relu().flatten(1))
        return scores


class Transformer(nn.Module):
    """A class token beside patches, places added; attention, a layer norm, feed-forward neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(2, 8, 3, stride=3)
        self.token = nn.Parameter(torch.randn(1, 1, 8) / 3)
        self.places = nn.Parameter(torch.randn(1, 10, 8) / 3)
        self.qkv = nn.Linear(8, 24)
        self.mix = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.wide = nn.Linear(8, 12)
        self.narrow = nn.Linear(12, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], dim=1) + self.places
        tokens = tokens + self.attention(tokens)
        tokens = tokens + self.narrow(nn.functional.gelu(self.wide(self.norm(tokens))))
        scores: torch.Tensor = self.head(tokens[:, 0])
        return scores

    def attention(self, tokens: torch.Tensor) -> torch.Tensor:
        asked, keys, given = self.qkv(tokens).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(asked, keys, given)
        mixed: torch.Tensor = self.mix(found.transpose(1, 2).flatten(2))
        return mixed


class Recurrent(nn.Module):
    """An LSTM, which stays private, between layers that do not."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Linear(9, 5)
        self.cells = nn.LSTM(5, 4, batch_first=True)
        self.after = nn.Linear(4, 6)
        self.last = nn.Linear(6, 7)
        self.head = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found, _ = self.cells(self.before(x.flatten(1, 2)).relu())
        scores: torch.Tensor = self.head(self.last(self.after(found[:, -1]).relu()).relu())
        return scores


def depthwise() -> nn.Module:
    """As in MobileNet: pointwise, depthwise, ReLU6, hard swish."""
    return nn.Sequential(
        *(nn.Conv2d(2, 6, 3, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU6()),
        *(nn.Conv2d(6, 6, 3, groups=6, bias=False), nn.BatchNorm2d(6), nn.Hardswish()),
        *(nn.Conv2d(6, 8, 1), nn.PReLU(8), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(8, 3),
    )


def one_dimensional() -> nn.Module:
    """Convolutions along a signal."""
    return nn.Sequential(
        *(nn.Flatten(2), nn.Conv1d(2, 5, 5, stride=2, dilation=2), nn.LeakyReLU(0.2)),
        *(nn.Conv1d(5, 6, 3, padding="same"), nn.SiLU(), nn.MaxPool1d(2)),
        *(nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(24, 3)),
    )


FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "concatenated": Concatenated,
    "transformer": Transformer,
    "recurrent": Recurrent,
    "depthwise": depthwise,
    "one-dimensional": one_dimensional,
}


def made(family: str, seed: int) -> nn.Module:
    """A network with weights and batch-norm statistics of its own."""
    torch.manual_seed(seed)
    network = FAMILIES[family]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()
