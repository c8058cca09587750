"""Our ratios beside the paper's, and how they are computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from taskzip.benchmarks.measures import Measures
from taskzip.benchmarks.statistics import SHORTEST_NS, Estimate, ratio_of_medians
from taskzip.benchmarks.units import format_mib, format_ns
from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Count, Deployment, Runtime
from taskzip.contracts.record import Cell

PAPER_RATIO = 8.71
"""Of reloading a whole network to reloading a private tenth (MTZ, TPAMI 2021, switching)."""
BARS: dict[Deployment, float] = {"joint-lazy": PAPER_RATIO, "joint": 100.0}
BASELINE: Deployment = "separate-swap"


class Reload(Document):
    """What a switch of a deployment costs, in the packed-cache setting that makes it cheapest."""

    deployment: Deployment
    packed_cache: bool
    switches: Count
    reload_ns: float
    """Median of what the first output after a request takes beyond a steady inference."""
    switch_ns: float
    """Median of what is over before the first inference begins."""
    ratio: float | None = None
    """Of the baseline's `reload_ns` to this; None for the baseline itself."""
    ci95: tuple[float, float] | None = None
    bar: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        return None if self.bar is None or self.ratio is None else self.ratio >= self.bar


class RuntimeReloads(Document):
    """The deployments of one runtime."""

    runtime: Runtime
    separate_bytes: Bytes
    """Of all files of separate networks."""
    joint_bytes: Bytes
    reloads: tuple[Reload, ...]


@dataclass(frozen=True)
class _Side:
    measures: Measures

    @property
    def reloads_ns(self) -> list[float]:
        """Of each switch; a first output that is quicker than a steady one reloads nothing."""
        return [
            max(switch.first_output_ns - median(switch.inference_ns), 0.0)
            for switch in self.measures.switches.values()
        ]

    @property
    def reload_ns(self) -> float:
        """Their median."""
        return median(self.reloads_ns)


def compare(measures: Mapping[Cell, Measures], runtime: Runtime) -> tuple[Reload, ...]:
    """The baseline and every deployment with a bar, each at its strongest; those measured."""
    sides = {
        deployment: side
        for deployment in (BASELINE, *BARS)
        if (side := _strongest(measures, runtime, deployment))
    }
    baseline = sides.get(BASELINE)
    return tuple(
        _reload(side, _ratio(baseline, side) if baseline and side is not baseline else None)
        for side in sides.values()
    )


def render(found: RuntimeReloads, condition: str) -> Table:
    """A line per deployment."""
    table = Table("deployment", "reload", "ready after", "ratio", "95 % interval", "paper", "bar")
    for one in found.reloads:
        met = {True: "met", False: "missed", None: ""}[one.holds]
        table.add_row(
            f"{one.deployment}{' packed' if one.packed_cache else ''}",
            format_ns(one.reload_ns),
            format_ns(one.switch_ns),
            "–" if one.ratio is None else f"{one.ratio:.2f}",
            "–" if one.ci95 is None else f"{one.ci95[0]:.2f} … {one.ci95[1]:.2f}",
            f"{PAPER_RATIO}" if one.deployment == "joint-lazy" else "–",
            "–" if one.bar is None else f"≥ {one.bar:g} {met}",
        )
    table.title = f"{found.runtime}: {condition}"
    table.caption = (
        f"files: separate {format_mib(found.separate_bytes)} MiB, "
        f"joint {format_mib(found.joint_bytes)} MiB"
    )
    return table


def _strongest(
    measures: Mapping[Cell, Measures], runtime: Runtime, deployment: Deployment
) -> _Side | None:
    sides = [
        _Side(each)
        for cell, each in measures.items()
        if (cell.runtime, cell.deployment) == (runtime, deployment) and each.switches
    ]
    return min(sides, key=lambda side: side.reload_ns, default=None)


def _ratio(baseline: _Side, side: _Side) -> Estimate:
    return ratio_of_medians(
        baseline.reloads_ns,
        side.reloads_ns,
        paired=list(baseline.measures.switches) == list(side.measures.switches),
        shortest=SHORTEST_NS,
    )


def _reload(side: _Side, ratio: Estimate | None) -> Reload:
    cell, switches = side.measures.cell, side.measures.switches.values()
    return Reload(
        deployment=cell.deployment,
        packed_cache=cell.packed_cache,
        switches=len(switches),
        reload_ns=side.reload_ns,
        switch_ns=median(switch.switch_ns for switch in switches),
        ratio=ratio.value if ratio else None,
        ci95=(ratio.low, ratio.high) if ratio else None,
        bar=BARS.get(cell.deployment) if ratio else None,
    )


def sizes(models: Sequence[tuple[str, int]]) -> tuple[int, int]:
    """Bytes of all separate files, and of the joint one; `models` are kinds and bytes."""
    return (
        sum(size for kind, size in models if kind == "separate"),
        sum(size for kind, size in models if kind == "joint"),
    )
