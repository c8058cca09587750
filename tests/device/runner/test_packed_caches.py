"""The life of packed-weight caches: what is kept, what is made again, what never stays behind."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from taskzip.contracts.events import Done
from taskzip.contracts.names import RUNTIMES, Deployment, Runtime
from taskzip.contracts.runspec import Mode, RunSpec
from tests.device.runner.running import Bench, Ran
from tests.device.runner.small_models import SUFFIX, TASKS, floats, is_joint

TOLERANCE = 1e-5
"""Float32 sums of some hundred terms in another order than torch's."""
MODES: tuple[Mode, ...] = ("parity", "memory", "latency")
TOO_FEW_BYTES = 64 << 10
"""The small models' caches take three times as much."""

pytestmark = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.fixture
def spec(bench: Bench, runtime: Runtime) -> RunSpec:
    """Both tasks of the joint file, their outputs written, packed caches kept."""
    return bench.models.spec(runtime, "joint", "parity", packed_cache=True)


def outputs(bench: Bench, ran: Ran) -> list[bytes]:
    """What a run that ended well wrote."""
    assert ran.exit_code == 0, ran.events
    return [(bench.folder / f"out/{task}.bin").read_bytes() for task in TASKS]


def caches(bench: Bench) -> dict[str, int]:
    """The caches there are, with the time at which each was written."""
    found = (bench.folder / "packed").glob("*.packed")
    return {path.name: path.stat().st_mtime_ns for path in found}


def assert_right(bench: Bench, found: list[bytes]) -> None:
    for task, content in zip(TASKS, found, strict=True):
        expected = bench.models.expected("joint", task)
        assert floats(content) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(
    "deployments", [("joint", "joint-lazy"), ("separate-resident", "separate-swap")]
)
def test_a_cold_start_writes_the_caches_and_warm_ones_leave_them_alone(
    bench: Bench, runtime: Runtime, deployments: tuple[Deployment, Deployment]
) -> None:
    def run(deployment: Deployment, mode: Mode) -> Ran:
        return bench.run(bench.models.spec(runtime, deployment, mode, packed_cache=True))

    first = run(deployments[0], "parity")
    written = caches(bench)
    assert len(written) == (1 if is_joint(deployments[0]) else len(TASKS))
    for deployment, mode in product(deployments, MODES):
        assert run(deployment, mode).of(Done) == first.of(Done)
    assert caches(bench) == written


def test_the_bytes_of_caches_are_told_without_our_seals(bench: Bench, spec: RunSpec) -> None:
    (done,) = bench.run(spec).of(Done)
    (cache,) = (bench.folder / "packed").glob("*.packed")
    assert done.packed_cache_bytes == cache.stat().st_size


def test_a_changed_model_under_the_same_name_gets_a_cache_of_its_own(
    bench: Bench, spec: RunSpec
) -> None:
    before = outputs(bench, bench.run(spec))
    _change_weights(bench.folder / f"joint.{SUFFIX[spec.runtime]}")
    changed = outputs(bench, bench.run(spec))
    plain = bench.models.spec(spec.runtime, "joint", "parity")
    assert changed == outputs(bench, bench.run(plain))
    assert changed != before
    assert len(caches(bench)) == 2


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _with_other_weights(content: bytes) -> bytes:
    middle = len(content) // 8 * 4
    return content[:middle] + b"\x00\x00\x80\x3f" * 256 + content[middle + 1024 :]


def _zeros(content: bytes) -> bytes:
    return bytes(len(content))


def _empty(_: bytes) -> bytes:
    return b""


def _longer(content: bytes) -> bytes:
    return content + bytes(4096)


@pytest.mark.parametrize("damage", [_truncated, _with_other_weights, _zeros, _empty, _longer])
def test_a_damaged_cache_is_made_again(
    bench: Bench, spec: RunSpec, damage: Callable[[bytes], bytes]
) -> None:
    before = outputs(bench, bench.run(spec))
    (cache,) = (bench.folder / "packed").glob("*.packed")
    whole = cache.read_bytes()
    cache.write_bytes(damage(whole))
    assert outputs(bench, bench.run(spec)) == before
    assert cache.stat().st_size == len(whole)


def test_the_cache_of_another_release_is_neither_read_nor_touched(
    bench: Bench, spec: RunSpec
) -> None:
    before = outputs(bench, bench.run(spec))
    for path in list((bench.folder / "packed").iterdir()):
        release = bench.package.runtime_versions[spec.runtime]
        path.rename(path.with_name(path.name.replace(release, "0.0.1")))
    (old,) = (bench.folder / "packed").glob("*-0.0.1.packed")
    old.write_bytes(b"another release")
    assert outputs(bench, bench.run(spec)) == before
    assert len(caches(bench)) == 2
    assert old.read_bytes() == b"another release"


def test_packing_that_breaks_off_leaves_no_cache_and_the_next_run_packs_again(
    bench: Bench, spec: RunSpec
) -> None:
    short = replace(bench, limits=("prlimit", f"--fsize={TOO_FEW_BYTES}"))
    for _ in range(2):
        ran = short.run(spec)
        assert (ran.exit_code, ran.failure.code) == (1, "load_failed")
        assert "packs the weights" in ran.failure.message
        assert list((bench.folder / "packed").iterdir()) == []
    assert_right(bench, outputs(bench, bench.run(spec)))


def _change_weights(model: Path) -> None:
    content = model.read_bytes()
    model.write_bytes(_with_other_weights(content))
