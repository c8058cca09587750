"""Faces for `face` and `face_heads`, without labels: the networks answer for each other."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from face_mixes import mark, mixed
from face_networks import landmarks
from face_photos import batches, cut, faces, prepare
from weight_files import UNPACKED, load_weights

CALIBRATION_IMAGES = 1_000
TRAINING_IMAGES = 9_500


def calibration() -> Iterator[torch.Tensor]:
    """Faces mixed of those that are not held out: batches (n, 3, 112, 112)."""
    return batches(_mixed_faces(CALIBRATION_IMAGES))


def training() -> Iterator[torch.Tensor]:
    """As `calibration`, more of them."""
    return batches(_mixed_faces(TRAINING_IMAGES))


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
def _mixed_faces(count: int) -> torch.Tensor:
    generator = np.random.default_rng(0)
    network = landmarks()
    network.load_state_dict(load_weights(UNPACKED / "face_landmarks.safetensors"))
    known = [mark(face, network) for face in faces(held_out=False)]
    others = generator.integers(len(known), size=count)
    pairs = [(known[index % len(known)], known[other]) for index, other in enumerate(others)]
    return prepare(torch.stack([mixed(*pair, generator) for pair in pairs]))
