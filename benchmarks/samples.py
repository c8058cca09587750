"""Latency samples of a cell, switch by switch, and their ratios."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from taskzip.benchmarks.measures import Measures
from taskzip.benchmarks.statistics import SHORTEST_NS, Estimate, ratio_of_medians
from taskzip.contracts.events import Switch

LatencyMetric = Literal["switch_ns", "first_output_ns", "inference_ns"]


def samples_ns(measures: Measures, metric: LatencyMetric) -> NDArray[np.float64]:
    """`(switches, 1)`, or `(switches, inferences)` of the steady inferences after each."""
    rows = [_of_switch(switch, metric) for switch in measures.switches.values()]
    return np.asarray(rows, dtype=np.float64)


def latency_ratio(
    numerator: tuple[Measures, LatencyMetric], denominator: tuple[Measures, LatencyMetric]
) -> Estimate:
    """The ratio of two medians, paired where both cells took the same steps."""
    above, below = numerator[0], denominator[0]
    return ratio_of_medians(
        samples_ns(*numerator),
        samples_ns(*denominator),
        paired=list(above.switches) == list(below.switches),
        shortest=SHORTEST_NS,
    )


def _of_switch(switch: Switch, metric: LatencyMetric) -> tuple[int, ...]:
    if metric == "inference_ns":
        return switch.inference_ns
    return (switch.switch_ns if metric == "switch_ns" else switch.first_output_ns,)
