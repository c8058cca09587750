"""Numbers that are not finite, found where a layer's inputs and outputs are gathered."""

import torch

INPUT = "input"
"""Of the layer as it will be: what the layers merged before it give."""
OUTPUT = "output before activation"
"""Of the original layer."""


class NotFinite(ValueError):
    """A value has left what float32 can hold; `what` is one of the words above."""

    def __init__(self, what: str, place: str) -> None:
        super().__init__(f"{what} {place}")
        self.what = what


def check_finite(what: str, rows: torch.Tensor, seen: int) -> None:
    """Pass if `rows` (R, N) or (R, N, k), with `seen` rows before them, are finite.

    NotFinite names the first number that is not, by its row and column.
    """
    finite = rows.isfinite()
    if not finite.all():
        row, *columns = (int(each) for each in (~finite).nonzero()[0])
        place = ", ".join(str(each) for each in columns)
        value = float(rows[(row, *columns)])
        raise NotFinite(
            what, f"{place} of calibration row {seen + row} is {value} (counted from 0)"
        )
