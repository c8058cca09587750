"""A thousand switches on this computer leave nothing behind."""

import pytest

from taskzip.benchmarks.leaks import leak_of
from taskzip.contracts.names import RUNTIMES, Deployment, Runtime
from tests.device.runner.running import Bench

SWITCHES, EVERY = 1000, 40
KEPT_BYTES = {("executorch", "joint-lazy"): 8}
"""Of each switch: ExecuTorch 1.5.1 keeps a pointer for every private weight that it ever packed."""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("deployment", ["joint-lazy", "separate-lru", "separate-swap"])
def test_memory_does_not_grow_with_switches(
    bench: Bench, runtime: Runtime, deployment: Deployment
) -> None:
    spec = bench.models.spec(runtime, deployment, "memory").model_copy(
        update={"sequence": (0, 1) * (SWITCHES // 2), "memory_every": EVERY}
    )
    ran = bench.run(spec)
    assert ran.exit_code == 0, ran.events
    leak = leak_of(spec, ran.events)
    kept = KEPT_BYTES.get((runtime, deployment), 0)
    assert leak.is_none or leak.ci95[0] <= kept, leak
