"""Large tables are assigned as scipy assigns them by itself, whatever they are warmed up with."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from taskzip.pipeline.zipper.full_assignment import LARGE, full_assignment

EXACT = 1e-12


def noisy_copies(count: int, directions: int, noise: float) -> np.ndarray:
    """Squared distances of points and their moved copies in another order: many are near each."""
    draws = np.random.default_rng(0)
    points = draws.normal(size=(count, directions))
    copies = draws.permutation(points) + noise * draws.normal(size=points.shape)
    distances: np.ndarray = np.square(points[:, None] - copies[None]).sum(-1)
    return distances


def wanted_by_all() -> np.ndarray:
    """The same few columns are the cheapest of every row."""
    table = np.random.default_rng(0).random((LARGE, LARGE))
    table[:, :17] /= 100
    return table


TABLES = {
    "noisy copies": noisy_copies(LARGE, 3, 0.3),
    "few directions": noisy_copies(LARGE, 1, 1.0),
    "wanted by all": wanted_by_all(),
    "ties": np.random.default_rng(0).integers(0, 3, (LARGE, LARGE)).astype(float),
    "all the same": np.full((LARGE, LARGE), 7.0),
    "tiny": 1e-30 * noisy_copies(LARGE, 3, 0.3),
    "more columns": noisy_copies(LARGE, 3, 0.3)[:-9],
    "small": noisy_copies(9, 3, 0.3),
}


@pytest.mark.parametrize("kind", TABLES)
def test_the_total_is_the_least(kind: str) -> None:
    costs = TABLES[kind]
    rows, columns = full_assignment(costs)
    assert rows.tolist() == list(range(len(costs)))
    assert len(set(columns.tolist())) == len(columns)
    least = costs[linear_sum_assignment(costs)].sum()
    assert costs[rows, columns].sum() == pytest.approx(least, rel=EXACT)


def test_a_table_with_a_number_that_is_none_is_refused() -> None:
    costs = noisy_copies(LARGE, 2, 0.1)
    costs[3, 4] = np.nan
    with pytest.raises(ValueError, match="invalid"):
        full_assignment(costs)
