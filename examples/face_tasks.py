"""Faces for both tasks of `face.toml`, without labels: the networks answer for each other."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from face_photos import batches, cut, faces, prepare, varied

CALIBRATION_IMAGES = 1_000


def calibration() -> Iterator[torch.Tensor]:
    """The faces that are not held out, varied: batches (n, 3, 112, 112)."""
    return batches(_varied_faces(CALIBRATION_IMAGES))


def evaluation() -> Iterator[torch.Tensor]:
    """The held-out faces as they are, and mirrored: batches (n, 3, 112, 112), without labels."""
    plain = prepare(torch.stack([cut(face) for face in faces(held_out=True)]))
    yield plain
    yield plain.flip(3)


def landmark_distance_percent(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(n,) mean distance of 68 landmarks (n, 136) from the wanted ones, in % of the face's side."""
    steps = (found - wanted).unflatten(1, (-1, 2))
    return 100 * steps.norm(dim=2).mean(1)


@cache
def _varied_faces(count: int) -> torch.Tensor:
    generator = np.random.default_rng(0)
    known = faces(held_out=False)
    chosen = [known[index % len(known)] for index in range(count)]
    return prepare(torch.stack([varied(face, generator) for face in chosen]))
