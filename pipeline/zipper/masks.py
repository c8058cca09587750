"""Pruned networks stay pruned: which weights may be other than 0, and vectors that keep to them.

Letters: N outputs, S groups, P inputs with the bias's constant 1 last; biases are never pruned.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import pad

from taskzip.pipeline.zipper.depthwise import ChannelMoments
from taskzip.pipeline.zipper.gather import Moments
from taskzip.pipeline.zipper.second_moment import SecondMoment, total

Mask = Literal["larger", "union", "strongest"]

PRUNED = 0.1
"""A layer counts as pruned if this part of its weights is exactly 0, which training never gives."""
MOST_SOLVED = 1024
"""Weights of a neuron that are solved together; of more, those outside the mask are cut off."""


def is_pruned(weights: torch.Tensor) -> bool:
    """Whether a layer's weights, without the bias, have been pruned."""
    zeros = weights.numel() - int(torch.count_nonzero(weights))
    return weights.numel() > 0 and zeros >= PRUNED * weights.numel()


def merged_mask(members: Sequence[torch.Tensor], how: Literal["larger", "union"]) -> torch.Tensor:
    """(S, P) bool: which weights the merged vectors of `members`, (S, P) of each task, may have.

    "larger": those of the member that has more, the first of equals, as in the paper; "union":
    those that any member has.
    """
    masks = torch.stack([_mask(each) for each in members])
    if how == "union":
        return masks.any(0)
    return masks[masks.sum(-1).argmax(0), torch.arange(masks.shape[1])]


def within(vectors: torch.Tensor, mask: torch.Tensor, moment: SecondMoment) -> torch.Tensor:
    """argmin_g (g − f)ᵀ H (g − f) over the g (S, P) that are 0 outside `mask`, for each row f.

    That is f itself where it keeps to the mask. Where f is the minimum of a squared error with
    this H, g is its minimum under the mask.
    """
    outside = vectors * ~mask
    pulled = moment.times(outside)
    kept = vectors * mask
    for row in outside.any(1).nonzero().flatten().tolist():
        index = mask[row].nonzero().flatten()
        if len(index) <= MOST_SOLVED:
            factor = torch.linalg.cholesky(moment.at(index).whole())
            change = torch.cholesky_solve(pulled[row, index].double()[:, None], factor)
            kept[row, index] += change[:, 0].to(kept.dtype)
    return kept


def prune_merged(
    vectors: torch.Tensor,
    members: Sequence[torch.Tensor],
    moments: Sequence[SecondMoment],
    how: Mask,
    solves: bool,
) -> torch.Tensor:
    """The merged vectors (S, P) as pruned as their members; unchanged if no member is pruned.

    `solves`: the best ones under the mask, instead of cutting off what lies outside. "strongest"
    always solves.
    """
    if not any(is_pruned(each[:, :-1]) for each in members):
        return vectors
    if how == "strongest":
        return _strongest(vectors, members, total(moments))
    mask = merged_mask(members, how)
    return within(vectors, mask, total(moments)) if solves else vectors * mask


def _strongest(
    vectors: torch.Tensor, members: Sequence[torch.Tensor], moment: SecondMoment
) -> torch.Tensor:
    """As many weights as "larger" has, of the union those with the largest mean square output."""
    union = merged_mask(members, "union")
    best = within(vectors, union, moment)
    counts = merged_mask(members, "larger")[:, :-1].sum(1)
    power = best[:, :-1].square() * moment.diagonal[:-1]
    ranks = power.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    mask = pad(ranks < counts[:, None], (0, 1), value=True)
    return within(best, mask & union, moment)


def refit(moments: Moments | ChannelMoments, weights: torch.Tensor, ridge: float) -> torch.Tensor:
    """The refitted weights (N, P); those of a pruned layer keep their zeros, at the least error."""
    solved = moments.refit(weights, ridge)
    if not is_pruned(weights[:, :-1]):
        return solved
    mask = _mask(weights)
    if isinstance(moments, ChannelMoments):
        return solved * mask
    return within(solved, mask, moments.inputs.damped(ridge))


class KeptZeros:
    """The zeros of pruned layers among parameters, to be put back after each step of training."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        """Remember where the zeros are now."""
        weights = [each for each in parameters if _is_weight(each)]
        self._places = [(each, each.detach() == 0) for each in weights if is_pruned(each.detach())]

    @torch.no_grad()
    def restore(self) -> None:
        """Set those places to 0 again."""
        for parameter, zeros in self._places:
            parameter.masked_fill_(zeros, 0)


def has_pruned_layer(network: nn.Module) -> bool:
    """Whether any layer has been pruned."""
    return any(is_pruned(each.detach()) for each in network.parameters() if _is_weight(each))


def density(network: nn.Module) -> float:
    """The part of all weights that are not 0."""
    weights = [each.detach() for each in network.parameters() if _is_weight(each)]
    return sum(int((each != 0).sum()) for each in weights) / sum(each.numel() for each in weights)


def _mask(weights: torch.Tensor) -> torch.Tensor:
    """(…, P) bool; the bias always belongs to it."""
    mask = weights != 0
    mask[..., -1] = True
    return mask


def _is_weight(parameter: nn.Parameter) -> bool:
    """Whether it has several numbers for each output; a bias, a scale or a shift has one."""
    return parameter.dim() > 1 and parameter[0].numel() > 1
