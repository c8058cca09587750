"""The joint network against separate ones, each side in its strongest setting.

A side's setting is the packed cache, present or not: whichever gives it the lower figure. So the
baseline of every comparison is the strongest that separate networks have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from taskzip.benchmarks import bars
from taskzip.benchmarks.bars import Bar
from taskzip.benchmarks.findings import Finding
from taskzip.benchmarks.samples import LatencyMetric, latency_ratio
from taskzip.benchmarks.settings import Figure, Setting, Settings, pss_above_start_bytes
from taskzip.benchmarks.statistics import Estimate
from taskzip.contracts.names import CacheState, Deployment


@dataclass(frozen=True)
class _Versus:
    """A joint deployment against a separate one in a page-cache state."""

    joint: Deployment
    baseline: Deployment
    cache: CacheState
    bar: Bar | None = None

    def sides(self, settings: Settings, figure: Figure) -> Iterator[tuple[Setting, Setting]]:
        """Joint and baseline at their strongest; nothing where one of them was not measured."""
        joint = settings.strongest(self.joint, self.cache, figure)
        baseline = settings.strongest(self.baseline, self.cache, figure)
        if joint and baseline:
            yield joint, baseline


_MEMORY = (
    _Versus("joint", "separate-resident", "warm", bars.MEMORY),
    _Versus("joint", "separate-swap", "warm"),
    _Versus("joint-lazy", "separate-swap", "warm"),
)
_LATENCY: tuple[tuple[LatencyMetric, _Versus], ...] = (
    ("switch_ns", _Versus("joint", "separate-swap", "cold", bars.SWITCH)),
    ("switch_ns", _Versus("joint-lazy", "separate-swap", "cold")),
    ("first_output_ns", _Versus("joint", "separate-swap", "warm", bars.FIRST_OUTPUT)),
    ("first_output_ns", _Versus("joint", "separate-swap", "cold")),
    ("first_output_ns", _Versus("joint", "separate-resident", "warm")),
    ("first_output_ns", _Versus("joint-lazy", "separate-swap", "warm")),
    ("inference_ns", _Versus("joint", "separate-resident", "warm", bars.INFERENCE)),
)


def find_all(settings: Settings) -> Iterator[Finding]:
    """Every comparison of one runtime whose two sides were measured."""
    yield from _storage(settings)
    yield from _memory(settings)
    yield from _first_output_over_inference(settings)
    yield from _latency(settings)


def _storage(settings: Settings) -> Iterator[Finding]:
    """Model files alone, and with the packed caches beside them."""
    for packed_cache in (False, True):
        joint = settings.first(("joint", "joint-lazy"), packed_cache)
        baseline = settings.first(("separate-resident", "separate-swap"), packed_cache)
        if joint and baseline:
            ratio = _exactly(joint.row.storage_bytes, baseline.row.storage_bytes)
            yield Finding("storage_bytes", joint, baseline, ratio, bars.STORAGE)


def _memory(settings: Settings) -> Iterator[Finding]:
    for versus in _MEMORY:
        for joint, baseline in versus.sides(settings, pss_above_start_bytes):
            ratio = _exactly(
                pss_above_start_bytes(joint.row) or 0, pss_above_start_bytes(baseline.row) or 0
            )
            yield Finding("pss_above_start_bytes", joint, baseline, ratio, versus.bar)


def _first_output_over_inference(settings: Settings) -> Iterator[Finding]:
    """What a switch adds to an inference of the joint network; 1.00 is nothing."""
    joint = settings.strongest("joint", "warm", attrgetter("first_output_ns.median"))
    if joint:
        measures = joint.measures
        ratio = latency_ratio((measures, "first_output_ns"), (measures, "inference_ns"))
        bar = bars.FIRST_OUTPUT_OVER_INFERENCE
        yield Finding("first_output_over_inference", joint, joint, ratio, bar)


def _latency(settings: Settings) -> Iterator[Finding]:
    for metric, versus in _LATENCY:
        for joint, baseline in versus.sides(settings, attrgetter(f"{metric}.median")):
            ratio = latency_ratio((baseline.measures, metric), (joint.measures, metric))
            yield Finding(metric, joint, baseline, ratio, versus.bar)


def _exactly(above: int, below: int) -> Estimate:
    """The ratio of two counted figures: no sampling, no width."""
    return Estimate(above / below, above / below, above / below)
