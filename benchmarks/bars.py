"""The limits that the joint network is held to."""

from dataclasses import dataclass
from typing import Literal

from taskzip.benchmarks.statistics import Estimate


@dataclass(frozen=True)
class Bar:
    """A limit on a ratio."""

    sense: Literal["at most", "at least", "surely above"]
    limit: float

    def __str__(self) -> str:
        sign = {"at most": "≤", "at least": "≥", "surely above": ">"}[self.sense]
        return f"{sign} {self.limit:g}"

    def holds(self, ratio: Estimate) -> bool:
        """Whether the ratio meets the limit; `surely above` asks it of the whole interval."""
        if self.sense == "at most":
            return ratio.value <= self.limit
        if self.sense == "at least":
            return ratio.value >= self.limit
        return ratio.low > self.limit


STORAGE = Bar("at most", 0.53)
"""Two LeNet-5 that share all hidden layers keep 0.51 of their weights; the rest is the files'."""
MEMORY = Bar("at most", 0.60)
FIRST_OUTPUT_OVER_INFERENCE = Bar("at most", 1.05)
"""A switch that costs nothing gives 1.00."""
SWITCH = Bar("at least", 50)
INFERENCE = Bar("at least", 0.98)
"""Running a fully shared task takes at most 1.02 times what it takes alone."""
FIRST_OUTPUT = Bar("surely above", 1)
