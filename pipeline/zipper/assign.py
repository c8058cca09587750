"""Disjoint pairs from a table of costs (N_A, N_B).

Every function returns the pairs as two index arrays, in the order of the first.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

from taskzip.pipeline.zipper.full_assignment import full_assignment

Pairs = tuple[np.ndarray, np.ndarray]
Pairing = Callable[[np.ndarray, int], Pairs]
"""The given number of disjoint pairs, at most the smaller side of the table."""

SORTED_PART = 16
"""One in so many of the table's entries is sorted at a time: the cheapest of what is left."""


def greedy(costs: np.ndarray, count: int) -> Pairs:
    """The cheapest pair again and again, as in the paper; ties go to the lower indices."""
    rows, columns = (np.arange(size) for size in costs.shape)
    pairs: list[tuple[int, int]] = []
    while len(pairs) < count:
        table = costs[np.ix_(rows, columns)]
        free_rows, free_columns = set(range(len(rows))), set(range(len(columns)))
        for row, column in _cheapest_part(table):
            if row in free_rows and column in free_columns:
                free_rows.remove(row)
                free_columns.remove(column)
                pairs.append((int(rows[row]), int(columns[column])))
        rows, columns = rows[sorted(free_rows)], columns[sorted(free_columns)]
    return _in_row_order(pairs[:count])


def hungarian(costs: np.ndarray, count: int) -> Pairs:
    """The `count` disjoint pairs of least total cost, exactly.

    The least total V(m) of m pairs is convex in m. Where each pair earns a price, the best number
    of pairs comes by itself (`_at_price`); with the slope between two known m as price it lies
    between them, or V is a straight line there (Eisner and Severance 1976).
    """
    fewer, more = _in_row_order([]), full_assignment(costs)
    while count not in (len(fewer[0]), len(more[0])):
        rise = costs[more].sum() - costs[fewer].sum()
        found = _at_price(costs, rise / (len(more[0]) - len(fewer[0])))
        if not len(fewer[0]) < len(found[0]) < len(more[0]):
            return _between(fewer, more, count)
        if len(found[0]) <= count:
            fewer = found
        else:
            more = found
    return fewer if len(fewer[0]) == count else more


PAIRINGS: dict[str, Pairing] = {"greedy": greedy, "hungarian": hungarian}


def _cheapest_part(table: np.ndarray) -> Iterator[tuple[int, int]]:
    """Rows and columns of the cheapest entries, cheapest first; entries that tie come together."""
    flat = table.ravel()
    last = (flat.size - 1) // SORTED_PART
    part = np.flatnonzero(flat <= np.partition(flat, last)[last])
    order = part[np.argsort(flat[part], kind="stable")]
    return zip(*(each.tolist() for each in np.divmod(order, table.shape[1])), strict=True)


def _at_price(costs: np.ndarray, price: float) -> Pairs:
    """The disjoint pairs of least Σ (cost − price): a full assignment in which dear pairs are void.

    Every set of pairs can be completed by void ones, so none is lost by asking for a full one.
    """
    left, right = linear_sum_assignment(np.minimum(costs, price))
    real = costs[left, right] < price
    return left[real], right[real]


def _between(fewer: Pairs, more: Pairs, count: int) -> Pairs:
    """`count` pairs from two sets that are both best at one price.

    Together they form alternating paths. Swapping along one that starts at a row and ends at a
    column that `fewer` leaves free adds one pair, and costs the price: else one set were not best.
    """
    columns, wanted = _columns_of(fewer), _columns_of(more)
    rows = {column: row for row, column in columns.items()}
    for start in sorted(wanted.keys() - columns.keys()):
        if len(columns) == count:
            break
        path = [start]
        while wanted[path[-1]] in rows and rows[wanted[path[-1]]] in wanted:
            path.append(rows[wanted[path[-1]]])
        if wanted[path[-1]] not in rows:
            columns.update((row, wanted[row]) for row in path)
    return _in_row_order(list(columns.items()))


def _columns_of(pairs: Pairs) -> dict[int, int]:
    return dict(zip(pairs[0].tolist(), pairs[1].tolist(), strict=True))


def _in_row_order(pairs: list[tuple[int, int]]) -> Pairs:
    left, right = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
    return left, right
