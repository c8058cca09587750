"""How a task's channels lie in the joint network: shared ones first."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Order:
    """One space: the first `shared` of `order` are shared; `scales` say how often its original
    each channel is, in the joint order."""

    shared: int
    order: torch.Tensor
    """(N,) long: the original channels."""
    scales: torch.Tensor
    """(N,) float64."""

    @property
    def own(self) -> int:
        """How many channels stay the task's own."""
        return len(self.order) - self.shared

    @property
    def first(self) -> torch.Tensor:
        """(S,) long: the original channels that are shared."""
        return self.order[: self.shared]

    @property
    def is_original(self) -> bool:
        """Whether every channel lies where it was, as it was."""
        in_place = torch.equal(self.order, torch.arange(len(self.order)))
        return in_place and bool((self.scales == 1).all())

    def rows(self, parts: int, columns: int) -> "Order":
        """The outputs of a layer that writes the channels in so many parts, each channel as so many
        columns; shared ones first."""
        within = self.order[:, None] * columns + torch.arange(columns)
        scales = self.scales.repeat_interleave(columns)
        return Order(self.shared * columns, within.flatten(), scales)._repeated(parts)

    def _repeated(self, parts: int) -> "Order":
        starts = torch.arange(parts)[:, None] * len(self.order)
        ends = (slice(None, self.shared), slice(self.shared, None))
        rows = torch.cat([(starts + self.order[each]).flatten() for each in ends])
        scales = torch.cat([self.scales[each].repeat(parts) for each in ends])
        return Order(parts * self.shared, rows, scales)

    @classmethod
    def with_first(
        cls, chosen: torch.Tensor, width: int, scales: torch.Tensor | None = None
    ) -> "Order":
        """The `chosen` (S,) of `width` channels shared, in their order and each so many `scales`
        (N,) its original; all others behind them as they were."""
        taken = torch.zeros(width, dtype=torch.bool)
        taken[chosen] = True
        order = torch.cat([chosen, (~taken).nonzero().flatten()])
        factors = torch.ones(width, dtype=torch.float64)
        if scales is not None:
            factors[: len(chosen)] = scales[chosen]
        return cls(len(chosen), order, factors)

    @classmethod
    def original(cls, channels: int, shared: int = 0) -> "Order":
        """Channels as they are."""
        return cls(shared, torch.arange(channels), torch.ones(channels, dtype=torch.float64))


@dataclass(frozen=True)
class Inputs:
    """What a layer reads along its channel axis: segments, each with an order and columns."""

    segments: tuple[tuple[Order, int], ...]

    @property
    def index(self) -> torch.Tensor:
        """(features,) long: for each feature in the joint order the original one."""
        parts, start = [], 0
        for order, columns in self.segments:
            within = order.order[:, None] * columns + torch.arange(columns)
            parts.append(start + within.flatten())
            start += len(order.order) * columns
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.long)

    @property
    def factors(self) -> torch.Tensor:
        """(features,) float64: how often its original each feature is."""
        parts = [order.scales.repeat_interleave(columns) for order, columns in self.segments]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    @property
    def is_shared(self) -> torch.Tensor:
        """(features,) bool: in the joint order, whether each feature is shared."""
        parts = [
            (torch.arange(len(order.order)) < order.shared).repeat_interleave(columns)
            for order, columns in self.segments
        ]
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.bool)

    def private(self) -> "Inputs":
        """The same, with nothing counted as shared."""
        return Inputs(
            tuple(
                (Order(0, order.order, order.scales), columns) for order, columns in self.segments
            )
        )
