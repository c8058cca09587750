"""What each output of a layer is computed from, as rows.

Letters: n images, R rows (one for each image, or image and position), C channels, k elements of
the kernel, P inputs of an output with the constant input 1 that the bias multiplies.
"""

import math
from collections.abc import Iterable, Iterator

import torch
from torch.nn.functional import linear, pad

from taskzip.pipeline.graph.layer import Geometry, Layer, Sizes
from taskzip.pipeline.zipper.stream import Pair

POSITIONS_PER_IMAGE = 8
"""Positions of a convolution, or of a sequence, that are looked at in each image; drawn anew for
every part."""


def layer_rows(layer: Layer, pairs: Iterable[Pair], seed: int) -> Iterator[Pair]:
    """For each part z (R, N) as the layer gave it originally, and x̃ (R, P) that it will get."""
    generator = torch.Generator().manual_seed(seed)
    weight = layer.weight.flatten(1)
    for original, merged in pairs:
        chosen = positions(layer.geometry, original, generator)
        before = rows_of(layer.geometry, original, chosen)
        after = before if original is merged else rows_of(layer.geometry, merged, chosen)
        yield linear(before[:, :-1], weight, layer.bias), after


def channel_rows(layer: Layer, pairs: Iterable[Pair], seed: int) -> Iterator[Pair]:
    """For a layer in groups, z (R, N) and x̃ (R, N, C · k + 1), the C inputs of each one's group."""
    if layer.geometry is None:
        raise ValueError("a layer in groups is a convolution")
    generator = torch.Generator().manual_seed(seed)
    matrix = layer.matrix
    for original, merged in pairs:
        chosen = positions(layer.geometry, original, generator)
        before = _by_output(layer, layer.geometry, original, chosen)
        after = before if original is merged else _by_output(layer, layer.geometry, merged, chosen)
        yield torch.einsum("rnk,nk->rn", before, matrix), after


def rows_of(geometry: Geometry | None, batch: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """(n · positions, P), 1 appended; a linear layer's positions are those before its last axis."""
    if geometry is None:
        rows = batch.flatten(1, -2)[:, chosen].flatten(0, 1) if batch.dim() > 2 else batch  # noqa: PLR2004
    else:
        rows = torch.cat([each.flatten(1) for each in _patches(geometry, batch, chosen)])
    return pad(rows, (0, 1), value=1.0)


def positions(
    geometry: Geometry | None, batch: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """At most POSITIONS_PER_IMAGE positions of the output, sorted."""
    count = math.prod(batch.shape[1:-1] if geometry is None else output_size(geometry, batch))
    return torch.randperm(count, generator=generator)[:POSITIONS_PER_IMAGE].sort().values


def output_size(geometry: Geometry, batch: torch.Tensor) -> Sizes:
    """Height and width, or length, of a convolution's output."""
    return tuple(
        (size + 2 * padding - span) // stride + 1
        for size, padding, span, stride in zip(
            batch.shape[2:], geometry.padding, geometry.span, geometry.stride, strict=True
        )
    )


def _by_output(
    layer: Layer, geometry: Geometry, batch: torch.Tensor, chosen: torch.Tensor
) -> torch.Tensor:
    patches = torch.cat([each.flatten(2) for each in _patches(geometry, batch, chosen)])
    groups = patches.unflatten(1, (layer.groups, -1)).flatten(2)
    by_output = groups.repeat_interleave(layer.outputs // layer.groups, dim=1)
    return pad(by_output, (0, 1), value=1.0)


def _patches(
    geometry: Geometry, batch: torch.Tensor, chosen: torch.Tensor
) -> Iterator[torch.Tensor]:
    """(n, C, k…) at each position; of the padding only what a patch reaches is made."""
    size = output_size(geometry, batch)
    for position in chosen.tolist():
        patch: torch.Tensor = batch
        margins: list[int] = []
        for axis, (place, stride, padding, span) in enumerate(
            zip(_unravel(position, size), geometry.stride, geometry.padding, geometry.span,
                strict=True),
            start=2,
        ):  # fmt: skip
            start, length = place * stride - padding, batch.shape[axis]
            first, end = (min(max(each, 0), length) for each in (start, start + span))
            before = min(max(-start, 0), span)
            patch = patch.narrow(axis, first, end - first)
            margins = [before, span - before - (end - first), *margins]
        yield _dilated(geometry, pad(patch, margins) if any(margins) else patch)


def _dilated(geometry: Geometry, patch: torch.Tensor) -> torch.Tensor:
    """Of the reach of the kernel what its elements see."""
    for axis, (span, dilation) in enumerate(
        zip(geometry.span, geometry.dilation, strict=True), start=2
    ):
        if dilation > 1:
            patch = patch.index_select(axis, torch.arange(0, span, dilation))
    return patch


def _unravel(position: int, size: Sizes) -> Sizes:
    places = []
    for each in reversed(size):
        position, place = divmod(position, each)
        places.append(place)
    return tuple(reversed(places))
