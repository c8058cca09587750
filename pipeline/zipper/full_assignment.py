"""A column for each row at the least total cost: scipy's exact solver, warmed up on large tables.

Letters: N rows and N columns.

Where many neurons are nearly alike the solver searches through many rows for each pair. Prices on
the columns spare it the search, and leave the order of all assignments as it is: each pays every
price once. Good prices come of a short auction (Bertsekas 1988): a row bids for its best column
what that one is worth to it above the second best. Whatever they are, the solver sees the whole
table: the result is exact, to the rounding of a sum.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

LARGE = 1024
"""From so many rows on, warming up is quicker."""
RAISES = (0.1, 0.01, 0.001)
"""What a bid adds, round by round, of the mean cost."""
BIDS = 10
"""For each row, at most, in each round: the solver does the rest."""


def full_assignment(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of as many pairs as the smaller side has, in the order of the rows."""
    rows, columns = costs.shape
    if rows != columns or rows < LARGE or not np.isfinite(costs).all():
        return linear_sum_assignment(costs)
    reduced = costs - costs.min(0)
    reduced -= reduced.min(1)[:, None]
    reduced += _prices(reduced)
    return linear_sum_assignment(reduced)


def _prices(costs: np.ndarray) -> np.ndarray:
    """(N,) what each column came to cost; each round starts with all columns free."""
    prices = np.zeros(len(costs))
    mean = costs.mean()
    for each in RAISES:
        _auction(costs, prices, each * mean)
    return prices


def _auction(costs: np.ndarray, prices: np.ndarray, raised: float) -> None:
    """Rows that hold no column bid, until all hold one or there were too many bids."""
    owner = [-1] * len(costs)
    waiting = list(range(len(costs)))
    paid = np.empty(len(costs))
    for _ in range(BIDS * len(costs)):
        if not waiting:
            break
        row = waiting.pop()
        np.add(costs[row], prices, out=paid)
        best = int(paid.argmin())
        least, paid[best] = paid[best], np.inf
        prices[best] += paid.min() - least + raised
        if owner[best] >= 0:
            waiting.append(owner[best])
        owner[best] = row
