"""Few entries that each task adds to the vectors that all share, found together with them.

The model is Xie, Sun and Huang's (2022), W_t = W + S_t with S_t sparse; how it is solved is ours:

    min  ½ Σ_t α_t E‖(w_t − f − s_t) x_t‖²  over f and over s_t with K entries in all

alternates between the entries, their values, and f. Letters: T tasks, S groups, P inputs with the
bias's constant 1 last; f, s_t and w_t are (S, P).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from taskzip.pipeline.zipper.masks import within
from taskzip.pipeline.zipper.optimum import cost, optimum
from taskzip.pipeline.zipper.second_moment import NEURONS_AT_ONCE, SecondMoment

Criterion = Literal["hessian", "magnitude"]
Tensors = tuple[torch.Tensor, ...]

WORTHWHILE = 1e-4
"""Of the error: a round that lowers it by less is the last."""
_PREFERRED = 1 + 1e-6
"""Between tasks whose entries save the same, turns decide."""


@dataclass(frozen=True)
class Choice:
    """How many entries all tasks have together, and how they are found."""

    entries: int
    columns: int
    """Only the first so many of the P inputs get entries: the bias's constant may mean nothing."""
    criterion: Criterion = "hessian"
    rounds: int = 8


@dataclass(frozen=True)
class Split:
    """What stands for the tasks' vectors: one that is shared, and what each task adds to it."""

    shared: torch.Tensor
    """f (S, P)."""
    added: Tensors = ()
    """s_t (S, P) of each task, 0 but for its entries; none at all where nothing is added."""


def split(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], wanted: Choice
) -> Split:
    """f and s_t; begins at the optimum without entries, and no round raises the error.

    Moments are damped.
    """
    nothing = tuple(torch.zeros_like(each) for each in weights)
    best = Split(optimum(moments, weights), nothing)
    if wanted.entries == 0:
        return Split(best.shared)
    error = error_of(moments, weights, best)
    for _ in range(wanted.rounds):
        masks = choose(moments, weights, best, wanted)
        found = _settled(moments, weights, best.shared, masks)
        reached = error_of(moments, weights, found)
        if reached >= error:  # the entries before were better; their values can still improve
            found = _settled(moments, weights, best.shared, [each != 0 for each in best.added])
            reached = error_of(moments, weights, found)
        if not reached < error:
            break
        gained, best, error = error - reached, found, reached
        if gained < WORTHWHILE * error:
            break
    return best


def error_of(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], found: Split
) -> float:
    """½ Σ_t (w_t − f − s_t)ᵀ H_t (w_t − f − s_t), summed over the groups."""
    return float(cost(moments, less(weights, found.added), found.shared).sum())


def less(weights: Sequence[torch.Tensor], added: Tensors) -> Sequence[torch.Tensor]:
    """w_t − s_t: what the shared vectors have to stand for."""
    if not added:
        return weights
    return [w - s for w, s in zip(weights, added, strict=True)]


def values_of(
    moments: Sequence[SecondMoment],
    weights: Sequence[torch.Tensor],
    shared: torch.Tensor,
    masks: Sequence[torch.Tensor],
) -> Tensors:
    """The best s_t that are 0 outside the masks (S, P), for a given f: small least squares."""
    return tuple(
        within(w - shared, mask, moment)
        for moment, w, mask in zip(moments, weights, masks, strict=True)
    )


def choose(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], now: Split, wanted: Choice
) -> Tensors:
    """(S, P) bool of each task: the entries that save most, f adapting to the tasks without."""
    parts = _parts(moments, weights, now, wanted.criterion)
    savings = torch.cat([_savings(*part) for part in parts], dim=1)
    savings[:, :, wanted.columns :] = -torch.inf
    chosen = torch.zeros(savings.numel(), dtype=torch.bool)
    chosen[savings.flatten().topk(wanted.entries).indices] = True
    return tuple(chosen.reshape(savings.shape))


def _settled(
    moments: Sequence[SecondMoment],
    weights: Sequence[torch.Tensor],
    shared: torch.Tensor,
    masks: Sequence[torch.Tensor],
) -> Split:
    """Values for f, f for these values, and values for that."""
    added = values_of(moments, weights, shared, masks)
    shared = optimum(moments, less(weights, added))
    return Split(shared, values_of(moments, weights, shared, masks))


def _parts(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], now: Split, by: Criterion
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """A few groups at a time: stiffness (T, 1, P), departures (T, S, P), and the first group."""
    ones = torch.ones(weights[0].shape[1], dtype=torch.float64)
    stiffness = torch.stack([ones if by == "magnitude" else each.diagonal for each in moments])
    for start in range(0, len(now.shared), NEURONS_AT_ONCE):
        rows = slice(start, start + NEURONS_AT_ONCE)
        departures = torch.stack([w[rows].double() - now.shared[rows] for w in weights])
        yield stiffness[:, None], departures, start


def _savings(stiffness: torch.Tensor, wanted: torch.Tensor, start: int) -> torch.Tensor:
    """(T, S, P) float32: what an entry saves where each input is looked at by itself.

    Of a departure δ_t = w_t − f each task pays ½ h_t δ_t², h_t = H_pp. Tasks without an entry at a
    place get one value there, the mean m of theirs; an entry takes one task out of the mean, which
    saves ½ h_t (δ_t − m)² Σh / (Σh − h_t): for two tasks only one needs an entry. The others
    follow one by one, and count no more than those before them; the last one saves nothing.
    """
    tasks = len(wanted)
    weight = stiffness.expand_as(wanted).clone()
    savings = torch.zeros(wanted.shape, dtype=torch.float32)
    so_far = torch.full(wanted.shape[1:], torch.inf, dtype=wanted.dtype)
    turns = _turns(wanted, start)
    for _ in range(tasks - 1):
        together = weight.sum(0)
        departure = wanted - (weight * wanted).sum(0) / together
        rest = (together - weight).clamp(min=torch.finfo(wanted.dtype).tiny)
        gains = weight * departure.square() * together / rest / 2
        gains = torch.where(weight > 0, gains, -1.0)
        best = (gains * turns).argmax(0, keepdim=True)
        so_far = torch.minimum(so_far, gains.gather(0, best)[0].clamp(min=0))
        savings.scatter_(0, best, so_far[None].float())
        weight.scatter_(0, best, 0.0)
    return savings


def _turns(wanted: torch.Tensor, start: int) -> torch.Tensor:
    """(T, S, P): slightly more than 1 for one task at each place, in turns."""
    tasks, groups, size = wanted.shape
    place = torch.arange(start, start + groups)[:, None] + torch.arange(size)
    turn = (place[None] + torch.arange(tasks)[:, None, None]) % tasks == 0
    return torch.where(turn, _PREFERRED, 1.0)
