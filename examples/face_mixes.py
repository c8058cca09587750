"""Faces of people who do not exist, mixed of those in photographs: inputs without labels, more
various than the few people there are. Letters: p points.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from face_networks import LANDMARKS, SIDE
from face_photos import Face, cut, in_other_light, prepare, read_photo, sample, varied_square
from torch import nn
from torch.nn.functional import interpolate

KNOTS = 5
"""Of a bend, across and down."""
BEND = 0.025
"""How far a knot moves: standard deviation, of the face's side."""


@dataclass(frozen=True)
class Marked:
    """A face and its landmarks (68, 2), x then y, in pixels of the photograph."""

    face: Face
    points: np.ndarray


@torch.no_grad()
def mark(face: Face, landmarks: nn.Module) -> Marked:
    """The face with the landmarks that the network for them finds."""
    found = landmarks(prepare(cut(face)[None])).view(LANDMARKS, 2).double().numpy()
    return Marked(face, np.array([face.left, face.top]) + face.side * found)


def mixed(one: Marked, other: Marked, generator: np.random.Generator) -> torch.Tensor:
    """(3, 112, 112) from 0 to 255: one face varied and bent, with a part of the other laid on it so
    that their landmarks meet, in another light.
    """
    points = _bent(varied_square(one.face, generator), one.face.side, generator)
    there = _carried(points, one.points, other.points)
    below, above = (
        sample(read_photo(one.face.photo), points),
        sample(read_photo(other.face.photo), there),
    )
    part = _part(generator)
    return in_other_light((1 - part) * below + part * above, generator)


def _bent(points: np.ndarray, side: int, generator: np.random.Generator) -> np.ndarray:
    """Points (112, 112, 2), each moved a little and much as its neighbours are."""
    moves = torch.from_numpy(generator.normal(0, BEND * side, (1, 2, KNOTS, KNOTS)))
    smooth = interpolate(moves, (SIDE, SIDE), mode="bicubic", align_corners=True)
    return points + smooth[0].permute(1, 2, 0).numpy()


def _carried(points: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Points (…, 2) by the affine map that takes `known` (p, 2) to `wanted` with least squares."""
    with_one = np.concatenate([known, np.ones((len(known), 1))], 1)
    taken, *_ = np.linalg.lstsq(with_one, wanted, rcond=None)
    return points @ taken[:2] + taken[2]


def _part(generator: np.random.Generator) -> torch.Tensor:
    """(112, 112) from 0 to 1: everywhere the same, or one side of a soft edge."""
    if generator.random() < 0.5:  # noqa: PLR2004  # half of them
        return torch.full((SIDE, SIDE), generator.uniform(0, 1))
    angle, place = generator.uniform(0, 2 * math.pi), generator.uniform(-0.5, 0.5)
    width = generator.uniform(0.05, 0.3)
    across = torch.linspace(-1, 1, SIDE)
    along = math.cos(angle) * across[None, :] + math.sin(angle) * across[:, None]
    return torch.sigmoid((along - place) / width)
