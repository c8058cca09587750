"""Second moments of a layer's inputs, streamed (He et al. 2018, eq. 4–6; L-OBS's layer Hessian).

Letters: R rows (one for each image, or image and position), K = C · columns inputs of one output,
N outputs, P = K + 1 with the constant input 1 that the bias multiplies.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from taskzip.pipeline.zipper.chain import Geometry, Layer
from taskzip.pipeline.zipper.stream import Pair

POSITIONS_PER_IMAGE = 8
"""Positions of a convolution that are looked at in each image; drawn anew for every part."""


@dataclass(frozen=True)
class Moments:
    """Means over R rows, float64: 8 · P · (P + N) bytes."""

    inputs: torch.Tensor
    """H (P, P) = E[x̃ x̃ᵀ], x̃ the inputs that the layer will really get, 1 appended."""
    cross: torch.Tensor
    """(N, P) = E[z x̃ᵀ], z the outputs before activation that the layer gave originally."""


def gather(layer: Layer, pairs: Iterable[Pair], seed: int) -> Moments:
    """One pass over the layer's inputs (n, C, …) in the original and in the merged network.

    At most n · P · POSITIONS_PER_IMAGE numbers are held beside the sums.
    """
    generator = torch.Generator().manual_seed(seed)
    total = _Sums(layer)
    for original, merged in pairs:
        chosen = _positions(layer.geometry, original, generator)
        targets = rows_of(layer.geometry, original, chosen)
        same = original is merged
        total.add(targets, targets if same else rows_of(layer.geometry, merged, chosen))
    return total.means()


class _Sums:
    def __init__(self, layer: Layer) -> None:
        weight = layer.weight.double().flatten(1)
        bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias
        self._weights = torch.cat([weight, bias.double()[:, None]], dim=1)
        size = self._weights.shape[1]
        self._inputs = torch.zeros(size, size, dtype=torch.float64)
        self._cross = torch.zeros(len(weight), size, dtype=torch.float64)
        self._rows = 0

    def add(self, original: torch.Tensor, merged: torch.Tensor) -> None:
        """Both (R, P)."""
        self._inputs.addmm_(merged.T, merged)
        self._cross.addmm_(self._weights @ original.T, merged)
        self._rows += len(merged)

    def means(self) -> Moments:
        return Moments(self._inputs / self._rows, self._cross / self._rows)


def rows_of(
    geometry: Geometry | None, batch: torch.Tensor, positions: Sequence[tuple[int, int]]
) -> torch.Tensor:
    """What each output is computed from, 1 appended: (n · positions, P), float64."""
    if geometry is None:
        rows = batch.flatten(1)
    else:
        rows = torch.cat([patch.flatten(1) for patch in _patches(geometry, batch, positions)])
    return pad(rows.double(), (0, 1), value=1.0)


def _patches(
    geometry: Geometry, batch: torch.Tensor, positions: Sequence[tuple[int, int]]
) -> Iterator[torch.Tensor]:
    padded = pad(batch, _four_sides(geometry))
    rows, columns = (
        d * (k - 1) + 1 for d, k in zip(geometry.dilation, geometry.kernel, strict=True)
    )
    for row, column in positions:
        top, left = row * geometry.stride[0], column * geometry.stride[1]
        patch = padded[:, :, top : top + rows, left : left + columns]
        yield patch[:, :, :: geometry.dilation[0], :: geometry.dilation[1]]


def _positions(
    geometry: Geometry | None, batch: torch.Tensor, generator: torch.Generator
) -> list[tuple[int, int]]:
    if geometry is None:
        return []
    height, width = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip(
            batch.shape[2:],
            geometry.padding,
            geometry.dilation,
            geometry.kernel,
            geometry.stride,
            strict=True,
        )
    )
    order = torch.randperm(height * width, generator=generator)[:POSITIONS_PER_IMAGE]
    return [divmod(int(each), width) for each in order.sort().values]


def _four_sides(geometry: Geometry) -> list[int]:
    rows, columns = geometry.padding
    return [columns, columns, rows, rows]
