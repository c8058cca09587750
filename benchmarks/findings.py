"""A ratio that was found, and what is said of it."""

from dataclasses import dataclass
from typing import Literal

from taskzip.benchmarks import bars
from taskzip.benchmarks.bars import Bar
from taskzip.benchmarks.naming import setting_name
from taskzip.benchmarks.settings import Setting
from taskzip.benchmarks.statistics import Estimate, judge
from taskzip.benchmarks.words import METRIC_WORDS
from taskzip.contracts.names import Clock, Runtime
from taskzip.contracts.report import Comparison, Verdict

Metric = Literal[
    "storage_bytes",
    "pss_above_start_bytes",
    "first_output_over_inference",
    "switch_ns",
    "first_output_ns",
    "inference_ns",
]
SIZES = ("storage_bytes", "pss_above_start_bytes")
_COUNTED_ONLY = (bars.SWITCH, bars.FIRST_OUTPUT_OVER_INFERENCE, bars.INFERENCE)
"""Bars on figures that other work on the host disturbs where the clock is real."""


@dataclass(frozen=True)
class Finding:
    """A ratio of two settings' figures.

    Of sizes and of a first output over an inference it is joint / baseline; of other latencies
    baseline / joint, how many times the baseline takes.
    """

    metric: Metric
    joint: Setting
    baseline: Setting
    ratio: Estimate
    bar: Bar | None

    @property
    def _is_baseline_over_joint(self) -> bool:
        return self.metric in ("switch_ns", "first_output_ns", "inference_ns")

    @property
    def expression(self) -> str:
        """Which figure is divided by which."""
        joint, baseline = self.names
        if self.metric == "first_output_over_inference":
            return f"first output / inference of {joint}"
        if self._is_baseline_over_joint:
            return f"{METRIC_WORDS[self.metric]}: {baseline} / {joint}"
        return f"{METRIC_WORDS[self.metric]}: {joint} / {baseline}"

    @property
    def names(self) -> tuple[str, str]:
        """What joint and baseline are called."""
        return setting_name(self.joint.row, self.metric), setting_name(
            self.baseline.row, self.metric
        )

    @property
    def is_valid(self) -> bool:
        """Whether both sides' figures may be believed; file sizes always may."""
        if self.metric == "storage_bytes":
            return True
        if self.metric in SIZES:
            return self.joint.has_valid_memory and self.baseline.has_valid_memory
        return self.joint.has_valid_latency and self.baseline.has_valid_latency

    def verdict(self) -> Verdict:
        """What the ratio says of the joint network; undecided where a side is not valid."""
        if not self.is_valid:
            return "undecided"
        if self.metric in SIZES:
            return judge(self.ratio, below="smaller", above="larger")
        if self._is_baseline_over_joint:
            return judge(self.ratio, below="slower", above="faster")
        return judge(self.ratio, below="faster", above="slower")

    def as_comparison(self, runtime: Runtime, clock: Clock) -> Comparison:
        """The finding as the report's comparison, held to its bar where that applies."""
        bar = self.bar if clock == "counted" or self.bar not in _COUNTED_ONLY else None
        joint, baseline = self.names
        return Comparison(
            runtime=runtime,
            metric=self.metric,
            joint=joint,
            baseline=baseline,
            expression=self.expression,
            ratio=self.ratio.value,
            ci95=None if self.metric in SIZES else (self.ratio.low, self.ratio.high),
            bar=str(bar) if bar else None,
            holds=bar.holds(self.ratio) if bar and self.is_valid else None,
            verdict=self.verdict(),
        )
