"""Moves from one sharing to another, one level of one group at a time, best first.

Both walks weigh error against bytes. Sharing gets cheaper by the byte the more the neighbours
share, so a move is weighed anew when its group or a neighbour has changed, and only then.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable

from taskzip.pipeline.zipper.sharing import Choices, Group, LayerBytes

Counts = dict[str, int]

SHARE, RELEASE = 1, -1


class State:
    """A sharing that moves; one group may be held where it is."""

    def __init__(self, choices: Choices, counts: Counts, held: str | None = None) -> None:
        self.held = held
        self.counts = dict(counts)
        self.groups = {group.name: group for group in choices.groups}
        self._layers = _layers_at(choices)
        sharing = choices.sharing(counts)
        self._size_bytes = sharing.size_bytes

    @property
    def size_bytes(self) -> int:
        """Of all weights."""
        return self._size_bytes

    @property
    def error(self) -> float:
        """Predicted, of all groups."""
        return sum(each.sums[self.counts[name]] for name, each in self.groups.items())

    def neighbours(self, name: str) -> list[str]:
        """The group itself and those whose saving depends on it."""
        near = {name}
        for layer in self._layers[name]:
            near.update((layer.output, *(each for each, _ in layer.inputs)))
        return [each for each in self.groups if each in near]

    def level(self, name: str) -> int:
        """Which of its group's levels the sharing is at."""
        return bisect_left(self.groups[name].levels, self.counts[name])

    def move(self, name: str, step: int) -> None:
        """Share so many levels more, or fewer."""
        self._size_bytes -= self.gain(name, step)
        self.counts[name] = self._after(name, step)

    def can_move(self, name: str, step: int) -> bool:
        """Whether the group has channels to share or to release."""
        return 0 <= self.level(name) + step < len(self.groups[name].levels)

    def gain(self, name: str, step: int) -> int:
        """Bytes that the move would save; below 0 when channels are released."""
        layers, count = self._layers[name], self.counts[name]
        before = sum(layer.saved(self.counts) for layer in layers)
        self.counts[name] = self._after(name, step)
        after = sum(layer.saved(self.counts) for layer in layers)
        self.counts[name] = count
        return after - before

    def weigh(self, name: str, step: int) -> float | None:
        """The lower the better; None where there is no such move or nothing to gain by it."""
        if name == self.held or not self.can_move(name, step):
            return None
        level = self.level(name)
        error, gain = self.groups[name].steps[min(level, level + step)], self.gain(name, step)
        if step == SHARE:
            return error / gain if gain else None
        if gain == 0:
            return -float("inf")
        return error / gain if error else None

    def _after(self, name: str, step: int) -> int:
        return self.groups[name].levels[self.level(name) + step]


Test = Callable[[State], bool]


def walk_until(state: State, step: int, is_enough: Test) -> None:
    """Make the best move again and again, until it is enough or none is left."""
    moves = _Moves(state, step)
    while not is_enough(state):
        name = moves.best()
        if name is None:
            return
        state.move(name, step)
        moves.weigh_around(name)


def walk_while(state: State, step: int, is_allowed: Test) -> None:
    """Make the best moves that are allowed, until none is left."""
    moves = _Moves(state, step)
    while (name := moves.best()) is not None:
        state.move(name, step)
        if is_allowed(state):
            moves.weigh_around(name)
        else:
            state.move(name, -step)


def settle(state: State, step: int, price: float) -> None:
    """Move each group to where its next level is worth a byte's `price`, until all are there."""
    is_settled = False
    while not is_settled:
        is_settled = True
        for name, group in state.groups.items():
            if (level := _settled(state, group, step, price)) is not None:
                is_settled = False
                state.move(name, level - state.level(name))


def _settled(state: State, group: Group, step: int, price: float) -> int | None:
    """The level that the group moves to in this direction, if it does."""
    if not state.can_move(group.name, step):
        return None
    worth = abs(state.gain(group.name, step)) * price
    wanted = bisect_right(group.steps, worth)
    return wanted if (wanted - state.level(group.name)) * step > 0 else None


class _Moves:
    """All moves in one direction, the best first."""

    def __init__(self, state: State, step: int) -> None:
        self._state, self._step = state, step
        self._order = {name: index for index, name in enumerate(state.groups)}
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._heap: list[tuple[float, int, int, str]] = []
        for name in state.groups:
            self._weigh(name)

    def best(self) -> str | None:
        """Take the best move out; it comes back when it is weighed again."""
        while self._heap:
            _, _, version, name = heapq.heappop(self._heap)
            if version == self._versions[name]:
                return name
        return None

    def weigh_around(self, name: str) -> None:
        for each in self._state.neighbours(name):
            self._weigh(each)

    def _weigh(self, name: str) -> None:
        self._versions[name] += 1
        weight = self._state.weigh(name, self._step)
        if weight is not None:
            entry = (weight, self._order[name], self._versions[name], name)
            heapq.heappush(self._heap, entry)


def _layers_at(choices: Choices) -> dict[str, list[LayerBytes]]:
    found: dict[str, list[LayerBytes]] = {group.name: [] for group in choices.groups}
    for layer in choices.layers:
        for name in dict.fromkeys((layer.output, *(each for each, _ in layer.inputs))):
            found[name].append(layer)
    return found
