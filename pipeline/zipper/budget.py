"""How many channels each coupling group shares: the least predicted error within a number of bytes,
or the fewest bytes within a predicted error.

The choice is greedy by error per byte. Since blocks shrink with two groups at a time, one greedy
walk can end far from the best; so walks begin at several sharings, and the best end is improved by
holding each group one level higher or lower while the others make up for it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.sharing import Choices, Group, LayerBytes, Sharing
from taskzip.pipeline.zipper.sharing_search import (
    RELEASE,
    SHARE,
    Counts,
    State,
    Test,
    settle,
    walk_until,
    walk_while,
)

__all__ = [
    "Choices",
    "Group",
    "LayerBytes",
    "Sharing",
    "within_bytes",
    "within_error",
]

ROUNDING = 1e-12
"""Relative: a sum of predicted errors that was asked for exactly is within the budget."""
DEARER = 6
"""Prices beyond the highest that is asked when all is shared, as less sharing saves less a byte."""
KICKS = 20
"""Rounds of improvement at most."""
WORTHWHILE = 1e-3
"""Of the result: a round that improves it by less is the last."""


def within_bytes(choices: Choices, max_bytes: int) -> Sharing:
    """The least predicted error found with at most `max_bytes` of weights in all.

    Raises BadInput where even sharing every candidate leaves more.
    """
    least = choices.most.size_bytes
    if least > max_bytes:
        raise BadInput(
            f"max_bytes: the joint network cannot have {max_bytes:,} bytes of weights; with all "
            f"shared that can be, {least:,} remain ({choices.separate_bytes:,} without sharing); "
            f"ask for {least:,} or more"
        )

    def fits(state: State) -> bool:
        return state.size_bytes <= max_bytes

    return _Search(choices, SHARE, fits, lambda each: (each.error, each.size_bytes)).best()


def within_error(choices: Choices, max_error: float) -> Sharing:
    """The fewest bytes found with a predicted error of at most `max_error`.

    Raises BadInput where that is negative.
    """
    if not max_error >= 0:
        raise BadInput(f"max_error: {max_error} cannot be reached; ask for 0 or more")
    allowed = max_error * (1 + ROUNDING)

    def fits(state: State) -> bool:
        return state.error <= allowed

    return _Search(choices, RELEASE, fits, lambda each: (each.size_bytes, each.error)).best()


@dataclass(frozen=True)
class _Search:
    """The best sharing within a budget, which `step` leads to and the opposite step uses up."""

    choices: Choices
    step: int
    fits: Test
    rank: Callable[[Sharing], tuple[float, float]]
    """The least is the best."""

    def best(self) -> Sharing:
        ends = [self._end(start) for start in self._starts()]
        best = min((each for each in ends if each is not None), key=self.rank)
        for _ in range(KICKS):
            before = self.rank(best)[0]
            best = min((best, *self._kicked(best)), key=self.rank)
            if self.rank(best)[0] > (1 - WORTHWHILE) * before:
                break
        return best

    def _starts(self) -> Iterator[State]:
        """Everything, nothing, and the two sharings around the budget that prices lead to.

        At a higher price of a byte more is shared; from everything and from nothing each.
        """
        prices = _prices(self.choices)
        for counts, step in (
            (self.choices.most.counts, RELEASE),
            (self.choices.none.counts, SHARE),
        ):
            yield State(self.choices, counts)

            def settled(price: float, counts: Counts = counts, step: int = step) -> State:
                state = State(self.choices, counts)
                settle(state, step, price)
                return state

            first_fitting = self.fits(settled(prices[0]))
            turn = bisect_left(
                prices, True, key=lambda price: self.fits(settled(price)) != first_fitting
            )
            for price in prices[max(0, turn - 1) : turn + 1]:
                yield settled(price)

    def _kicked(self, sharing: Sharing) -> Iterator[Sharing]:
        """Ends with one level more or less of a group, which is held there."""
        for group in self.choices.groups:
            for step in (SHARE, RELEASE):
                state = State(self.choices, sharing.counts, held=group.name)
                if state.can_move(group.name, step):
                    state.move(group.name, step)
                    end = self._end(state)
                    if end is not None:
                        yield end

    def _end(self, state: State) -> Sharing | None:
        walk_until(state, self.step, self.fits)
        if not self.fits(state):
            return None
        walk_while(state, -self.step, self.fits)
        return _tidied(self.choices, state)


def _prices(choices: Choices) -> list[float]:
    """Of a byte: what each level asks when all else is shared, and more, ascending."""
    state = State(choices, choices.most.counts)
    asked = {0.0}
    for group in choices.groups:
        lost = -state.gain(group.name, RELEASE) if group.errors else 0
        asked.update(error / lost for error in group.steps if lost)
    highest = max(asked)
    return [*sorted(asked), *(highest * 4**power for power in range(1, DEARER + 1))]


def _tidied(choices: Choices, state: State) -> Sharing:
    """Channels whose sharing saves nothing are released."""
    size_bytes = state.size_bytes
    walk_while(state, RELEASE, lambda each: each.size_bytes <= size_bytes)
    return choices.sharing(state.counts)
