"""Faces cut from photographs, as face-api's networks take them. Letters: n faces, H × W pixels."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from data_files import fetch
from face_files import FACE_API, PHOTOS, PORTRAITS
from face_networks import SIDE
from PIL import Image
from torch.nn.functional import grid_sample

MEAN_COLOUR = (122.782, 117.001, 104.298)
"""Of red, green and blue from 0 to 255; subtracted."""


@dataclass(frozen=True)
class Face:
    """A square in a photograph, in pixels."""

    photo: Path
    left: int
    top: int
    side: int


def faces(*, held_out: bool) -> tuple[Face, ...]:
    """All faces of the photographs that are held out, or of the others."""
    return tuple(
        Face(folder / name, *box)  # type: ignore[misc]  # three numbers
        for folder, dataset in ((fetch(each), each.name) for each in (FACE_API, PORTRAITS))
        for name, photo in PHOTOS[dataset].items()
        if photo["held_out"] is held_out
        for box in photo["faces"]  # type: ignore[attr-defined]  # a list
    )


def cut(face: Face) -> torch.Tensor:
    """(3, 112, 112) from 0 to 255: the square, black where it leaves the photograph, resized as
    TensorFlow.js does without `alignCorners`: pixel i of the result is at i · side / 112.
    """
    photo, side = read_photo(face.photo), face.side
    square = torch.zeros(3, side, side)
    rows = range(max(face.top, 0), min(face.top + side, photo.shape[1]))
    columns = range(max(face.left, 0), min(face.left + side, photo.shape[2]))
    inside = photo[:, rows.start : rows.stop, columns.start : columns.stop]
    top, left = rows.start - face.top, columns.start - face.left
    square[:, top : top + len(rows), left : left + len(columns)] = inside
    weights = _bilinear(side)
    return weights @ square @ weights.T


def prepare(pixels: torch.Tensor) -> torch.Tensor:
    """What the networks take, of colours from 0 to 255: both (n, 3, 112, 112)."""
    return (pixels - torch.tensor(MEAN_COLOUR)[:, None, None]) / 255


def varied(face: Face, generator: np.random.Generator) -> torch.Tensor:
    """(3, 112, 112) from 0 to 255: the face shifted, scaled, turned, perhaps mirrored, in another
    light.
    """
    pixels = sample(read_photo(face.photo), varied_square(face, generator))
    return in_other_light(pixels, generator)


def varied_square(face: Face, generator: np.random.Generator) -> np.ndarray:
    """(112, 112, 2): where in the photograph the pixels of such a square are, x then y."""
    side = face.side * generator.uniform(0.85, 1.25)
    angle = math.radians(generator.normal(0, 8))
    flip = -1.0 if generator.random() < 0.5 else 1.0  # noqa: PLR2004  # half of them
    shift = generator.uniform(-0.1, 0.1, 2) * face.side
    centre = np.array([face.left, face.top]) + face.side / 2 + shift
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    across = np.linspace(-side / 2, side / 2, SIDE)
    points: np.ndarray = np.stack(np.meshgrid(across * flip, across), -1) @ turned.T + centre
    return points


def sample(photo: torch.Tensor, points: np.ndarray) -> torch.Tensor:
    """(3, 112, 112): the photograph (3, H, W) at points (112, 112, 2), x then y, in pixels."""
    size = np.array([photo.shape[2], photo.shape[1]])
    grid = torch.from_numpy(2 * points / (size - 1) - 1).float()[None]
    return grid_sample(photo[None], grid, align_corners=True)[0]


def in_other_light(pixels: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Another exposure, contrast and colour of light; grey at times."""
    if generator.random() < 0.1:  # noqa: PLR2004  # one in ten
        pixels = pixels.mean(0, keepdim=True).expand(3, -1, -1)
    exposure = torch.from_numpy(generator.uniform(0.75, 1.25) * generator.uniform(0.92, 1.08, 3))
    lit = 255 * (pixels / 255) ** generator.uniform(0.75, 1.3) * exposure[:, None, None].float()
    return lit.clamp(0, 255)


def batches(images: torch.Tensor, size: int = 100) -> Iterator[torch.Tensor]:
    """(n, …) in parts of at most `size`."""
    yield from images.split(size)


@cache
def read_photo(path: Path) -> torch.Tensor:
    """(3, H, W) from 0 to 255, float32."""
    with Image.open(path) as photo:
        return torch.from_numpy(np.array(photo.convert("RGB"))).permute(2, 0, 1).float()


@cache
def _bilinear(side: int) -> torch.Tensor:
    """(112, side): which pixels each pixel of the result is mixed of."""
    place = torch.arange(SIDE) * (side / SIDE)
    low = place.floor().long()
    high = (low + 1).clamp(max=side - 1)
    weights = torch.zeros(SIDE, side)
    weights[torch.arange(SIDE), low] += 1 - (place - low)
    weights[torch.arange(SIDE), high] += place - low
    return weights
