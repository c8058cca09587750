"""Whether a cell's figures may be believed, and if not, why."""

from statistics import median

from taskzip.benchmarks.measures import Measures
from taskzip.contracts.bundle import Sharing

MIN_SAMPLES = 6
"""With five samples even the whole range covers the median in 94 % of cases only."""
MAX_COLD_RESIDENT = 0.1
"""Part of the pages that may still be in the page cache when a switch is called cold."""
MIN_WARM_RESIDENT = 0.9
MEMORY_NOT_READ = "memory was not read: no memory run ended well"
RELOADING = ("joint-lazy", "separate-lru", "separate-swap")
"""Deployments whose switches read model files; the others hold all they need."""


def resident_fraction(measures: Measures) -> float | None:
    """Median over the measured switches, of those that loaded something where some did.

    None when there are none.
    """
    switches = list(measures.switches.values())
    loading = [switch for switch in switches if switch.open_ns or switch.prepare_ns]
    fractions = [switch.resident_fraction for switch in loading or switches]
    return median(fractions) if fractions else None


def latency_reasons(measures: Measures, sharing: Sharing) -> tuple[str, ...]:
    """Why the latencies are not valid; empty when they are."""
    taken = len(measures.switches)
    reasons = []
    if taken < MIN_SAMPLES:
        reasons.append(f"too few switches: {taken}, at least {MIN_SAMPLES} are needed")
    return (*reasons, *_cache_reasons(measures, sharing))


def memory_reasons(measures: Measures) -> tuple[str, ...]:
    """Why the memory figures are not valid; empty when they are."""
    if measures.phase("start") is None or measures.phase("switched") is None:
        return (MEMORY_NOT_READ,)
    return ()


def _cache_reasons(measures: Measures, sharing: Sharing) -> tuple[str, ...]:
    resident = resident_fraction(measures)
    cell = measures.cell
    if resident is None or cell.deployment not in RELOADING:
        return ()
    limit = MAX_COLD_RESIDENT
    if cell.deployment == "joint-lazy":
        limit += _staying_fraction(sharing)
    if cell.cache == "cold" and resident > limit:
        return (f"cold was not reached: {resident:.0%} of the pages resident, limit {limit:.0%}",)
    if cell.cache == "warm" and resident < MIN_WARM_RESIDENT:
        return (
            f"warm was not reached: {resident:.0%} of the pages resident, "
            f"at least {MIN_WARM_RESIDENT:.0%} are needed",
        )
    return ()


def _staying_fraction(sharing: Sharing) -> float:
    """The part of the joint weights that `joint-lazy` keeps loaded by its nature."""
    total = sharing.shared_bytes + sum(sharing.private_bytes.values())
    return sharing.shared_bytes / total if total else 0.0
