"""A measured cell as a side of a comparison, and the choice of a deployment's strongest setting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from taskzip.benchmarks.measures import Measures
from taskzip.benchmarks.rows import make_row
from taskzip.benchmarks.validity import latency_reasons, memory_reasons
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.events import MemoryParts
from taskzip.contracts.names import CacheState, Deployment
from taskzip.contracts.report import Row

PAGE_BYTES = 4096

Figure = Callable[[Row], float | None]


@dataclass(frozen=True)
class Setting:
    """A measured cell with its row."""

    row: Row
    measures: Measures
    has_valid_latency: bool
    has_valid_memory: bool

    @classmethod
    def of(cls, measures: Measures, bundle: Bundle) -> Self:
        """The setting of a cell's measures."""
        return cls(
            make_row(measures, bundle),
            measures,
            not latency_reasons(measures, bundle.sharing),
            not memory_reasons(measures),
        )


@dataclass(frozen=True)
class Settings:
    """All measured cells of one runtime."""

    all: tuple[Setting, ...]

    def strongest(
        self, deployment: Deployment, cache: CacheState, figure: Figure
    ) -> Setting | None:
        """The one with the lower figure, with or without packed cache; None if none has it."""
        figures = [
            (value, setting)
            for setting in self.all
            if (setting.row.deployment, setting.row.cache) == (deployment, cache)
            and (value := figure(setting.row)) is not None
        ]
        return min(figures, key=lambda pair: pair[0])[1] if figures else None

    def first(self, deployments: tuple[Deployment, ...], packed_cache: bool) -> Setting | None:
        """A setting of the first of the deployments that was measured."""
        for deployment in deployments:
            for setting in self.all:
                if (setting.row.deployment, setting.row.packed_cache) == (deployment, packed_cache):
                    return setting
        return None


def has_own_memory(row: Row) -> bool:
    """Whether memory was read in the row's own page-cache state, not borrowed from another."""
    return row.pss_bytes is not None and row.memory_cache == row.cache


def parts_above_start_bytes(row: Row) -> dict[str, int] | None:
    """PSS of each part above the start; they add up to the PSS above it. None where not read."""
    if row.parts is None or row.start_parts is None:
        return None
    return {
        name: getattr(row.parts, name).pss_bytes - getattr(row.start_parts, name).pss_bytes
        for name in MemoryParts.model_fields
    }


def pss_above_start_bytes(row: Row) -> int | None:
    """What the networks cost in memory; at least one page, None where it was not read."""
    if row.pss_bytes is None or row.start_pss_bytes is None:
        return None
    return max(row.pss_bytes - row.start_pss_bytes, PAGE_BYTES)
