"""The runner on this computer with real files of both runtimes."""

import pytest

from taskzip.contracts.events import Done, Hello, Load, Memory, Output, Pressure, Switch
from taskzip.contracts.names import (
    DEPLOYMENTS,
    RUNTIMES,
    CacheState,
    Deployment,
    Runtime,
)
from tests.device.runner.running import Bench, Ran
from tests.device.runner.small_models import TASKS, floats

TOLERANCE = 1e-5
"""Float32 sums of some hundred terms in another order than torch's."""

ALL_PHASES = ["runtime", "start", "loaded", "first_output", "switched", "unloaded"]

pytestmark = [
    pytest.mark.parametrize("runtime", RUNTIMES),
    pytest.mark.parametrize("packed_cache", [False, True], ids=["plain", "packed"]),
]


def finished(ran: Ran, runtime: Runtime, *, packed_cache: bool) -> Ran:
    """The run, after checking that it began and ended as every good run does."""
    assert ran.exit_code == 0, ran.events
    hello, done = ran.events[0], ran.events[-1]
    assert isinstance(hello, Hello)
    assert hello.runtime == runtime
    assert isinstance(done, Done)
    assert (done.packed_cache_bytes > 0) == packed_cache
    return ran


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_every_deployment_computes_what_torch_computes(
    bench: Bench,
    runtime: Runtime,
    deployment: Deployment,
    packed_cache: bool,
) -> None:
    spec = bench.models.spec(runtime, deployment, "parity", packed_cache=packed_cache)
    ran = finished(bench.run(spec), runtime, packed_cache=packed_cache)
    assert [output.task for output in ran.of(Output)] == list(TASKS)
    for output in ran.of(Output):
        content = (bench.folder / output.file).read_bytes()
        assert len(content) == output.bytes
        expected = bench.models.expected(deployment, output.task)
        assert floats(content) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("cache", ["warm", "cold"])
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_latency_is_timed_for_every_step_and_adds_up(
    bench: Bench,
    runtime: Runtime,
    deployment: Deployment,
    packed_cache: bool,
    cache: CacheState,
) -> None:
    spec = bench.models.spec(runtime, deployment, "latency", packed_cache=packed_cache, cache=cache)
    ran = finished(bench.run(spec), runtime, packed_cache=packed_cache)
    (load,) = ran.of(Load)
    assert len(ran.of(Pressure)) == 1
    assert load.open_ns + load.prepare_ns <= load.load_ns
    steps = ran.of(Switch)
    assert [step.task for step in steps] == ["left", "right", "left", "right"]
    assert [step.warmup for step in steps] == [True, True, False, False]
    for step in steps:
        assert step.leaves == {"left": "right", "right": "left"}[step.task]
        assert step.switch_ns < step.first_output_ns
        assert step.first_minor_faults is not None
        assert step.first_minor_faults <= step.minor_faults
        assert len(step.inference_ns) == spec.inferences
        assert min(step.inference_ns) > 0
        if cache == "warm":
            assert step.resident_fraction == 1


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_memory_is_read_after_every_phase(
    bench: Bench,
    runtime: Runtime,
    deployment: Deployment,
    packed_cache: bool,
) -> None:
    spec = bench.models.spec(runtime, deployment, "memory", packed_cache=packed_cache)
    ran = finished(bench.run(spec), runtime, packed_cache=packed_cache)
    readings = ran.of(Memory)
    assert [reading.phase for reading in readings] == ALL_PHASES
    for reading in readings:
        assert reading.uss_bytes <= reading.pss_bytes <= reading.peak_pss_bytes
        assert reading.peak_rss_bytes >= reading.pss_bytes
    by_phase = {reading.phase: reading.pss_bytes for reading in readings}
    assert by_phase["first_output"] > by_phase["start"]
    assert by_phase["unloaded"] < by_phase["first_output"]
