"""A thousand switches on this computer leave nothing behind."""

import pytest

from taskzip.benchmarks.leaks import Leak, leak_of
from taskzip.contracts.names import Deployment, Runtime
from tests.device.runner.running import Bench

SWITCHES, READINGS = 1000, 25
POINTER_BYTES = 8


def leak_over(bench: Bench, runtime: Runtime, deployment: Deployment, switches: int) -> Leak:
    """What memory does while two tasks take turns that many times."""
    spec = bench.models.spec(runtime, deployment, "memory").model_copy(
        update={"sequence": (0, 1) * (switches // 2), "memory_every": switches // READINGS}
    )
    ran = bench.run(spec)
    assert ran.exit_code == 0, ran.events
    return leak_of(spec, ran.events)


@pytest.mark.parametrize(
    ("runtime", "deployment"),
    [
        ("executorch", "separate-lru"),
        ("executorch", "separate-swap"),
        ("litert", "joint-lazy"),
        ("litert", "separate-lru"),
        ("litert", "separate-swap"),
    ],
)
def test_memory_does_not_grow_with_switches(
    bench: Bench, runtime: Runtime, deployment: Deployment
) -> None:
    leak = leak_over(bench, runtime, deployment, SWITCHES)
    assert leak.is_none, leak


def test_executorch_keeps_no_more_than_the_pointers_to_weights_that_it_packed_again(
    bench: Bench,
) -> None:
    """ExecuTorch 1.5.1 keeps a pointer for every private weight that it ever packed: one a switch.

    They stand in an array that doubles, so up to twice their bytes are held; over few switches the
    smaller arrays before it, which leave holes in the heap, would outweigh them.
    """
    leak = leak_over(bench, "executorch", "joint-lazy", 8 * SWITCHES)
    assert leak.ci95[0] <= 2 * POINTER_BYTES, leak
