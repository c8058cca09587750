from itertools import combinations
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.benchmarks.leaks import leak_of, leak_specs, slope_of
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.events import Event, Memory, MemoryPart, MemoryParts, Phase
from taskzip.contracts.names import DEPLOYMENTS, RUNTIMES

EVERY = 40


def reading(phase: Phase, size: int) -> Memory:
    part, nothing = (MemoryPart(pss_bytes=each, uss_bytes=each) for each in (size, 0))
    return Memory(
        phase=phase, pss_bytes=size, uss_bytes=size, anonymous_bytes=size, file_bytes=0,
        peak_pss_bytes=size, peak_rss_bytes=size,
        parts=MemoryParts(
            model=nothing, packed_cache=nothing, heap=part, code=nothing, other=nothing
        ),
    )  # fmt: skip


def walk(sizes: list[int]) -> list[Event]:
    return [
        reading("start", 1_000_000),
        *(reading("walking", size) for size in sizes),
        reading("unloaded", 1_012_288),
    ]


@given(st.lists(st.integers(0, 1 << 30), min_size=3, max_size=30))
def test_the_slope_is_the_median_over_all_pairs_of_readings(sizes: list[int]) -> None:
    steps = range(10, 10 + 7 * len(sizes), 7)
    pairs = combinations(zip(steps, sizes, strict=True), 2)
    slopes = [(later[1] - one[1]) / (later[0] - one[0]) for one, later in pairs]
    slope = slope_of(steps, sizes)
    assert slope.value == pytest.approx(median(slopes))
    assert min(slopes) <= slope.low <= slope.value <= slope.high <= max(slopes)


def test_two_readings_have_no_slope() -> None:
    with pytest.raises(ValueError, match="2 readings"):
        slope_of((1, 2), (3, 4))


def test_every_deployment_of_every_runtime_is_walked(bundle: Bundle) -> None:
    specs = list(leak_specs(bundle, 1000))
    assert {(spec.runtime, spec.deployment, spec.packed_cache) for spec in specs} == {
        (runtime, deployment, packed)
        for runtime in RUNTIMES
        for deployment in DEPLOYMENTS
        for packed in (False, True)
    }
    assert {(len(spec.sequence), spec.memory_every) for spec in specs} == {(1000, EVERY)}


def test_memory_that_fills_at_first_and_then_stays_does_not_leak(bundle: Bundle) -> None:
    spec = next(leak_specs(bundle, 1000))
    leak = leak_of(spec, walk([2_000_000, 2_300_000, *[2_400_000] * 23]))
    assert (leak.bytes_per_switch, leak.is_none, leak.unloaded_bytes) == (0, True, 12_288)


def test_memory_that_grows_with_every_switch_leaks(bundle: Bundle) -> None:
    spec = next(leak_specs(bundle, 1000))
    leak = leak_of(spec, walk([2_000_000 + 4096 * number for number in range(25)]))
    assert leak.bytes_per_switch == pytest.approx(4096 / EVERY)
    assert not leak.is_none


def test_growth_by_less_than_a_page_in_all_is_noise(bundle: Bundle) -> None:
    spec = next(leak_specs(bundle, 1000))
    assert leak_of(spec, walk([2_000_000 + number for number in range(25)])).is_none
