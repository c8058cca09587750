"""Places of few entries among many numbers, in as few bytes as two simple codes take.

Letters: n numbers, k places among them, ascending.

Gaps: for each place the numbers skipped since the last one, as unsigned integers of 1, 2 or 4
bytes; the largest integer means "so many more" and is followed by the rest. Bitmap: a bit for each
number, from the highest of the first byte on.
"""

from typing import Literal

import numpy as np
import torch

Code = Literal["gaps", "bitmap"]
CODES: tuple[Code, ...] = ("gaps", "bitmap")
_INTEGERS = (np.uint8, np.uint16, np.uint32)
_BITS = 8


def encode(places: torch.Tensor, size: int) -> tuple[Code, torch.Tensor]:
    """The shorter code of places (k,) among `size` numbers."""
    taken = places.numpy()
    bitmap_bytes = -(-size // _BITS)
    gaps = min((_gaps(taken, each) for each in _INTEGERS), key=lambda code: code.nbytes)
    if gaps.nbytes <= bitmap_bytes:
        return "gaps", torch.from_numpy(gaps)
    bits = np.zeros(size, dtype=bool)
    bits[taken] = True
    return "bitmap", torch.from_numpy(np.packbits(bits))


def decode(code: Code, stored: torch.Tensor, count: int, size: int) -> torch.Tensor:
    """The `count` places (k,) int64 among `size` numbers; ValueError if the code says others."""
    found = _of_bitmap(stored, size) if code == "bitmap" else _of_gaps(stored)
    if len(found) != count:
        raise ValueError(f"has {len(found):,} places for {count:,} values")
    if count and found[-1] >= size:
        raise ValueError(f"has place {found[-1]:,} of {size:,}")
    return torch.from_numpy(found)


def most_bytes(count: int, size: int) -> int:
    """What the shorter code of any `count` places takes at most."""
    return min(count + size // np.iinfo(np.uint8).max, -(-size // _BITS))


def _gaps(places: np.ndarray, integer: type[np.unsignedinteger]) -> np.ndarray:
    most = int(np.iinfo(integer).max)
    skipped = np.diff(places, prepend=-1) - 1
    more, rest = np.divmod(skipped, most)
    ends = np.cumsum(more + 1) - 1
    code = np.full(int(ends[-1]) + 1 if len(ends) else 0, most, dtype=integer)
    code[ends] = rest
    return code


def _of_gaps(stored: torch.Tensor) -> np.ndarray:
    code = stored.numpy()
    if code.dtype not in _INTEGERS or code.ndim != 1:
        raise ValueError(f"has gaps of {stored.dtype}, shape {tuple(stored.shape)}")
    most = np.iinfo(code.dtype).max
    ends = code < most
    if len(code) and not ends[-1]:
        raise ValueError("ends within a gap")
    return np.cumsum(code, dtype=np.int64)[ends] + np.arange(int(ends.sum()))


def _of_bitmap(stored: torch.Tensor, size: int) -> np.ndarray:
    if stored.dtype != torch.uint8 or tuple(stored.shape) != (-(-size // _BITS),):
        raise ValueError(f"has a bitmap of {stored.dtype}, shape {tuple(stored.shape)}")
    return np.flatnonzero(np.unpackbits(stored.numpy()))
