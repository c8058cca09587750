"""Where the channels of a value lie once they are taken apart: into parts, or into units of many.

A layer may write the same channels several times, one **part** after another: an attention's
queries, keys and values. A **unit** is a run of channels that stay together in their order: a head.
Units may change places, the same in every part. Here a value's axes are made of atoms: along an
axis (unit 2, plain 4) the index is 4 · unit + place.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from taskzip.pipeline.graph.view import NotUnderstood, Segment, Shape, View


class What(Enum):
    """What an atom counts."""

    PLAIN = "plain"
    PART = "part"
    CHANNELS = "channels"
    UNIT = "unit"


@dataclass(frozen=True)
class Atom:
    """A factor of an axis."""

    size: int
    what: What = What.PLAIN


Axis = tuple[Atom, ...]


@dataclass(frozen=True)
class Layout:
    """A value that has the channels of one space taken apart."""

    space: int
    channels: int
    """Of one part."""
    axes: tuple[Axis, ...]

    @property
    def shape(self) -> Shape:
        """Of the value."""
        return tuple(_size(axis) for axis in self.axes)

    @property
    def units(self) -> int:
        """How many units there are; the channels' number where they are not taken apart."""
        return next(
            each.size
            for axis in self.axes
            for each in axis
            if each.what in (What.UNIT, What.CHANNELS)
        )

    def holds(self, axis: int) -> What:
        """The rarest thing that an axis counts."""
        kinds = [each.what for each in self.axes[axis] if each.what is not What.PLAIN]
        return kinds[0] if kinds else What.PLAIN

    def is_plain(self, axis: int) -> bool:
        """Whether an axis has nothing to do with the channels' order."""
        return self.holds(axis) is What.PLAIN

    def moved(self, order: Sequence[int]) -> "Layout":
        """With the axes in another order."""
        return self._with(self.axes[each] for each in order)

    def without(self, axis: int) -> "Layout":
        """Without an axis."""
        return self._with((*self.axes[:axis], *self.axes[axis + 1 :]))

    def with_axis(self, axis: int, size: int) -> "Layout":
        """With a plain axis of another size."""
        return self._with((*self.axes[:axis], (Atom(size),), *self.axes[axis + 1 :]))

    def regrouped(self, shape: Shape) -> "Layout":
        """Reshaped; NotUnderstood where a unit would be torn."""
        atoms = _Atoms([each for axis in self.axes for each in axis])
        axes = [atoms.take(size) for size in shape]
        axes[-1:] = [(*axes[-1], *atoms.rest)] if axes else []
        return self._with(axes)

    def taken_together(self) -> "View | Layout":
        """The view that it is where whole channels lie along one axis again."""
        marked = [axis for axis in range(len(self.axes)) if not self.is_plain(axis)]
        if len(marked) != 1:
            return self
        atoms = list(self.axes[marked[0]])
        parts = atoms.pop(0).size if atoms[0].what is What.PART else 1
        if atoms[0].what is What.UNIT:
            inside = math.prod(each.size for each in atoms[1:])
            width = self.channels // self.units
        elif atoms[0].what is What.CHANNELS:
            inside, width = math.prod(each.size for each in atoms[1:]), 1
        else:
            return self
        if any(each.what is not What.PLAIN for each in atoms[1:]) or inside % width:
            return self
        return View(marked[0], (Segment(self.space, self.channels, inside // width),) * parts)

    def _with(self, axes: "Sequence[Axis] | Iterator[Axis]") -> "Layout":
        return Layout(self.space, self.channels, tuple(axes))


def taken_apart(view: View, shape: Shape) -> Layout:
    """A value (of `shape`) of one space's channels as a layout."""
    first = view.segments[0]
    if any(each != first for each in view.segments):
        raise NotUnderstood("takes it apart")
    parts = (Atom(len(view.segments), What.PART),) if len(view.segments) > 1 else ()
    columns = (Atom(first.columns),) if first.columns > 1 else ()
    channels = (*parts, Atom(first.channels, What.CHANNELS), *columns)
    axes = [channels if axis == view.axis else (Atom(size),) for axis, size in enumerate(shape)]
    return Layout(first.space, first.channels, tuple(axes))


class _Atoms:
    """Atoms in their order, taken from the front."""

    def __init__(self, atoms: list[Atom]) -> None:
        self.rest = [each for each in atoms if each.size > 1 or each.what is not What.PLAIN]

    def take(self, size: int) -> Axis:
        """Atoms of that product; the last may be split."""
        taken: list[Atom] = []
        left = size
        while left > 1:
            if not self.rest:
                raise NotUnderstood("takes it apart")
            atom = self.rest.pop(0)
            if left % atom.size:
                front, back = _split(atom, left)
                self.rest.insert(0, back)
                atom = front
            taken.append(atom)
            left //= atom.size
        return tuple(taken) or (Atom(1),)


def _split(atom: Atom, size: int) -> tuple[Atom, Atom]:
    """The front of that size; channels fall into units."""
    if atom.size % size or atom.what in (What.PART, What.UNIT):
        raise NotUnderstood("takes it apart")
    front = What.UNIT if atom.what is What.CHANNELS else What.PLAIN
    return Atom(size, front), Atom(atom.size // size)


def _size(axis: Axis) -> int:
    return math.prod(each.size for each in axis)
