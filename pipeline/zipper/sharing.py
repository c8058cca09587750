"""What the sharing of each coupling group saves and is predicted to cost.

A group's channels are shared cheapest first. What one more saves depends on how many channels the
neighbouring groups share, since the block that is stored once has shared inputs × shared outputs.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Group:
    """Candidates of one coupling group, each a channel, or a unit of channels, of every task."""

    name: str
    errors: tuple[float, ...]
    """What sharing one more adds to the predicted error, ascending, none negative."""
    multiple: int = 1
    """So many become shared at once, until fewer are left."""

    def __post_init__(self) -> None:
        if list(self.errors) != sorted(self.errors) or min(self.errors, default=0) < 0:
            raise ValueError(f"group {self.name!r}: errors must ascend from 0 or more")

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """How many candidates may be shared, ascending from none to all."""
        count = len(self.errors)
        return (*range(0, count, self.multiple), count)

    @cached_property
    def steps(self) -> tuple[float, ...]:
        """What each level adds to the error of the one before it."""
        return tuple(sum(self.errors[low:high]) for low, high in itertools.pairwise(self.levels))

    @cached_property
    def sums(self) -> tuple[float, ...]:
        """The predicted error when 0, 1, … candidates are shared."""
        return tuple(itertools.accumulate(self.errors, initial=0.0))


@dataclass(frozen=True)
class LayerBytes:
    """What a layer of all tasks stores once when inputs and outputs of it are shared."""

    name: str
    inputs: tuple[tuple[str, int], ...]
    """Groups that it reads, each with the columns of one candidate: 1 of a channel, h · w once it
    is flattened, a head's width."""
    output: str
    """The group of its outputs; a layer whose outputs stay private saves nothing, leave it out."""
    rows: int = 1
    """Outputs that one candidate has: of a head, its queries, keys and values."""
    kernel: int = 1
    """Weights of one output for one column: k · k of a convolution."""
    common_columns: int = 0
    """Columns that need no sharing: of the networks' own inputs; a group's of a convolution."""
    extra: int = 1
    """Further weights of an output channel, shared with it: its bias."""
    weight_bytes: int = 4
    tasks: int = 2

    def saved(self, counts: Mapping[str, int]) -> int:
        """Bytes that need not be stored, with so many channels of each group shared.

        None while no input is shared: there is nothing then that could be the same.
        """
        columns = self.common_columns + sum(counts[name] * each for name, each in self.inputs)
        weights = self.kernel * columns + self.extra if self.kernel * columns else 0
        return (self.tasks - 1) * self.weight_bytes * self.rows * counts[self.output] * weights


@dataclass(frozen=True)
class Sharing:
    """How many channels of each group are shared, and what is predicted of it."""

    counts: dict[str, int]
    size_bytes: int
    error: float


@dataclass(frozen=True)
class Choices:
    """All that a budget decides."""

    groups: tuple[Group, ...]
    layers: tuple[LayerBytes, ...]
    separate_bytes: int
    """Of all tasks' networks, nothing shared."""

    def sharing(self, counts: Mapping[str, int]) -> Sharing:
        """So many channels shared, with the bytes and the predicted error."""
        saved = sum(layer.saved(counts) for layer in self.layers)
        error = sum(group.sums[counts[group.name]] for group in self.groups)
        return Sharing(dict(counts), self.separate_bytes - saved, error)

    @property
    def most(self) -> Sharing:
        """Every candidate shared: the fewest bytes there can be."""
        return self.sharing({group.name: len(group.errors) for group in self.groups})

    @property
    def none(self) -> Sharing:
        """Nothing shared."""
        return self.sharing({group.name: 0 for group in self.groups})
