"""Where a value has its channels."""

from dataclasses import dataclass

Shape = tuple[int, ...]


class NotUnderstood(Exception):
    """The operator mixes channels, or what it does to them is not known; the text says which."""


@dataclass(frozen=True)
class Segment:
    """Channels of one space that lie next to each other, `columns` positions each."""

    space: int
    channels: int
    columns: int

    @property
    def size(self) -> int:
        """How much of the axis they take."""
        return self.channels * self.columns


@dataclass(frozen=True)
class View:
    """Where a value has its channels: the axis, and the spaces along it."""

    axis: int
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """The length of the axis."""
        return sum(each.size for each in self.segments)
