"""What one layer of one task looks like in the joint network."""

import math
from typing import Self

from pydantic import model_validator

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count
from taskzip.pipeline.graph.layer import Geometry


class Range(Document):
    """Features from `start` up to `stop`."""

    start: Count
    stop: Count


class LayerSpec(Document):
    """What one layer of one task looks like."""

    name: str
    geometry: Geometry | None
    """None: a linear layer."""
    groups: Count = 1
    inputs: Count
    """Features that it reads: input channels of a convolution."""
    shared_inputs: tuple[Range, ...]
    """Where the shared ones lie among them."""
    shared: Count
    """Outputs that are shared."""
    own: Count
    """Outputs that are the task's own."""
    parts: Count = 1
    """The outputs are so many parts, each with its shared outputs first."""
    bias: bool
    """Of what is the task's."""
    shared_bias: bool
    affine: bool = False
    """Whether the task scales and shifts the shared outputs."""
    added: Count = 0
    """Entries that the task adds to the block that is stored once."""

    @model_validator(mode="after")
    def _adds_no_more_than_there_is(self) -> Self:
        kernel = 1 if self.geometry is None else math.prod(self.geometry.kernel)
        size = self.shared * (self.width * kernel + self.shared_bias)
        if self.added and (self.is_grouped or self.added > size):
            raise ValueError(f"layer {self.name!r} cannot add {self.added} entries to {size}")
        return self

    @property
    def is_grouped(self) -> bool:
        """Whether outputs read a group of the inputs, not all."""
        return self.groups > 1

    @property
    def shared_groups(self) -> int:
        """How many of the groups have shared outputs: the first ones."""
        return self.groups * self.shared // (self.shared + self.own)

    @property
    def width(self) -> int:
        """How many of the inputs are shared."""
        return sum(each.stop - each.start for each in self.shared_inputs)

    @property
    def shares(self) -> bool:
        """Whether there is anything to store once."""
        return self.shared > 0 and (self.is_grouped or self.width > 0)

    @property
    def is_plain(self) -> bool:
        """Whether the task's layer is one ordinary layer."""
        if not self.shares:
            return True
        whole = self.own == 0 and (self.is_grouped or self.width == self.inputs)
        return whole and not self.affine

    @property
    def own_inputs(self) -> tuple[Range, ...]:
        """Where the inputs lie that are not shared."""
        found, last = [], 0
        for each in (*self.shared_inputs, Range(start=self.inputs, stop=self.inputs)):
            if each.start > last:
                found.append(Range(start=last, stop=each.start))
            last = each.stop
        return tuple(found)
