"""Sharing by a threshold: what merging costs, relative to the power of what is merged.

Letters: T tasks, S groups of channels, P inputs with the bias's constant 1.
"""

from collections.abc import Sequence

import torch

from taskzip.pipeline.zipper.optimum import cost
from taskzip.pipeline.zipper.pairing import Candidates, Merge

ROUNDING = 1e-9
"""Copies whose weights a refit on float32 activations has moved cost so much at most."""


def cheap_groups(
    candidates: Sequence[Candidates], chosen: Sequence[torch.Tensor], merge: Merge, limit: float
) -> list[torch.Tensor]:
    """Of the groups `chosen`, (S,) channels of each task, those that cost at most `limit` each.

    A group's cost is Σ_t (w_t − f)ᵀ H_t (w_t − f) / Σ_t w_tᵀ H_t w_t: 0 for equal channels, and at
    the best f never more than 1.
    """
    costs, power = _costs(candidates, chosen, merge)
    kept = costs <= (limit + ROUNDING) * power
    return [channels[kept] for channels in chosen]


def all_or_none(
    candidates: Sequence[Candidates], chosen: Sequence[torch.Tensor], merge: Merge, limit: float
) -> list[torch.Tensor]:
    """All of the groups if they cost at most `limit` together, else none."""
    costs, power = _costs(candidates, chosen, merge)
    if costs.sum() <= (limit + ROUNDING) * power.sum():
        return list(chosen)
    return [channels[:0] for channels in chosen]


def _costs(
    candidates: Sequence[Candidates], chosen: Sequence[torch.Tensor], merge: Merge
) -> tuple[torch.Tensor, torch.Tensor]:
    """Twice the cost and the power (S,) of each group, float64."""
    moments = [each.moment for each in candidates]
    units = [each.weights[c] for each, c in zip(candidates, chosen, strict=True)]
    members = [each.flatten(0, -2) for each in units]
    power = sum(
        (h.power(w) for h, w in zip(moments, members, strict=True)),
        torch.zeros(len(members[0]), dtype=torch.float64),
    )
    costs = 2 * cost(moments, members, merge(moments, members))
    return _by_unit(costs, len(units[0])), _by_unit(power, len(units[0]))


def _by_unit(values: torch.Tensor, units: int) -> torch.Tensor:
    return values.reshape(units, -1).sum(1) if units else values[:0]
