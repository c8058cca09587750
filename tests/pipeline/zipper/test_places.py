"""Places of few entries, coded."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.pipeline.zipper.places import decode, encode, most_bytes

UNHURRIED = settings(max_examples=60, deadline=None)


@st.composite
def some_places(draw: st.DrawFn) -> tuple[list[int], int]:
    size = draw(st.integers(1, 200_000))
    count = draw(st.integers(0, min(size, 40)))
    places = st.lists(st.integers(0, size - 1), min_size=count, max_size=count, unique=True)
    return sorted(draw(places)), size


@UNHURRIED
@given(drawn=some_places())
def test_places_come_back_as_they_were(drawn: tuple[list[int], int]) -> None:
    places, size = torch.tensor(drawn[0], dtype=torch.int64), drawn[1]
    code, stored = encode(places, size)
    assert torch.equal(decode(code, stored, len(places), size), places)
    assert stored.nbytes <= most_bytes(len(places), size)


@UNHURRIED
@given(size=st.integers(1, 400), seed=st.integers(0, 9), density=st.floats(0, 1))
def test_dense_places_come_back_too(size: int, seed: int, density: float) -> None:
    drawn = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    places = (drawn < density).nonzero().flatten()
    code, stored = encode(places, size)
    assert torch.equal(decode(code, stored, len(places), size), places)
    assert stored.nbytes <= most_bytes(len(places), size)


@pytest.mark.parametrize(
    ("density", "code", "dtype"),
    [(0.3, "bitmap", torch.uint8), (0.05, "gaps", torch.uint8), (1e-3, "gaps", torch.uint16)],
)
def test_the_shorter_code_is_taken(density: float, code: str, dtype: torch.dtype) -> None:
    drawn = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    places = (drawn < density).nonzero().flatten()
    found, stored = encode(places, len(drawn))
    assert (found, stored.dtype) == (code, dtype)


@pytest.mark.parametrize(
    ("code", "stored", "said"),
    [
        ("gaps", torch.tensor([3, 9], dtype=torch.uint8), "has place 13 of 12"),
        ("gaps", torch.tensor([3], dtype=torch.uint8), "has 1 places for 2 values"),
        ("gaps", torch.tensor([3, 1, 255], dtype=torch.uint8), "ends within a gap"),
        ("gaps", torch.tensor([3, 1]), "has gaps of torch.int64"),
        ("gaps", torch.tensor([[3, 1]], dtype=torch.uint8), "shape"),
        ("bitmap", torch.tensor([0b11000000], dtype=torch.uint8), "has a bitmap of"),
        ("bitmap", torch.tensor([0b11000000, 1], dtype=torch.uint8), "has 3 places for 2 values"),
        ("bitmap", torch.tensor([0b10000000, 1], dtype=torch.uint8), "has place 15 of 12"),
    ],
)
def test_damaged_codes_are_refused(code: str, stored: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(code, stored, 2, 12)  # type: ignore[arg-type]
