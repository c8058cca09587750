"""What is asked for in the papers' switching experiment, and where."""

from taskzip.contracts.config import BenchConfig
from taskzip.contracts.names import Clock

ROUNDS = 2
PROFILE = "microsd"
DISK_MIB = 1024
SILENCE_SECONDS = 3600.0
"""A run tells its switches when all are done, and a host may have other work."""


def bench_config(
    tasks: int, rounds: int, clock: Clock, packed_caches: tuple[bool, ...]
) -> BenchConfig:
    """Every task once a round, in random order, from the flash."""
    return BenchConfig(
        deployments=("joint", "joint-lazy", "separate-swap"),
        caches=("cold",),
        memory_caches=(),
        packed_caches=packed_caches,
        workload="rounds",
        switches=tasks * rounds,
        warmups=0,
        inferences=1,
        blocks=1,
        clock=clock,
    )
