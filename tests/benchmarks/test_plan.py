from collections import defaultdict
from collections.abc import Callable

import pytest

from taskzip.benchmarks.plan import Plan, PlannedRun, plan_experiment
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES

DEPLOYMENTS = BenchConfig().deployments
PlanFor = Callable[[BenchConfig], Plan]


@pytest.fixture
def plan_for(bundle: Bundle) -> PlanFor:
    return lambda config: plan_experiment(bundle, config)


def runs_of(plan: Plan, mode: str) -> list[PlannedRun]:
    return [run for run in plan.runs if run.spec.mode == mode]


def test_every_cell_has_a_latency_run_in_every_block(plan_for: PlanFor) -> None:
    runs = runs_of(plan_for(BenchConfig(blocks=3, switches=30)), "latency")
    cells = {
        (runtime, deployment, cache, packed)
        for runtime in RUNTIMES
        for deployment in DEPLOYMENTS
        for cache in ("warm", "cold")
        for packed in (False, True)
    }
    for block in range(3):
        found = [tuple(run.cell.model_dump().values()) for run in runs if run.block == block]
        assert len(found) == 32
        assert set(found) == cells


def test_runs_have_names_of_their_own(plan_for: PlanFor) -> None:
    names = [run.spec.run for run in plan_for(BenchConfig()).runs]
    assert len(names) == len(set(names))


def test_all_deployments_of_a_block_walk_the_same_sequence(plan_for: PlanFor) -> None:
    sequences = defaultdict(set)
    for run in runs_of(plan_for(BenchConfig(switches=40, blocks=2)), "latency"):
        sequences[run.block].add(run.spec.sequence)
    assert [len(found) for found in sequences.values()] == [1, 1]


def test_switches_are_split_over_blocks_and_warmups_come_on_top(plan_for: PlanFor) -> None:
    config = BenchConfig(switches=11, blocks=3, warmups=2, inferences=4)
    lengths = {run.block: len(run.spec.sequence) for run in runs_of(plan_for(config), "latency")}
    assert lengths == {0: 6, 1: 6, 2: 5}
    assert {run.spec.warmups for run in runs_of(plan_for(config), "latency")} == {2}
    assert {run.spec.inferences for run in runs_of(plan_for(config), "latency")} == {4}


def test_a_clock_that_drifts_gets_two_blocks(plan_for: PlanFor) -> None:
    counted, real = (plan_for(BenchConfig(clock=clock)) for clock in ("counted", "real"))
    assert max(run.block for run in counted.runs) == 0
    assert max(run.block for run in real.runs) == 1


def test_there_are_no_more_blocks_than_switches(plan_for: PlanFor) -> None:
    runs = runs_of(plan_for(BenchConfig(switches=1, blocks=5)), "latency")
    assert {run.block for run in runs} == {0}


def test_deployments_of_a_setting_are_neighbours_in_an_order_that_changes(
    plan_for: PlanFor,
) -> None:
    runs = runs_of(plan_for(BenchConfig(blocks=2)), "latency")
    groups = [runs[start : start + 4] for start in range(0, len(runs), 4)]
    for group in groups:
        assert len({(run.cell.cache, run.cell.packed_cache, run.block) for run in group}) == 1
        assert {run.cell.deployment for run in group} == set(DEPLOYMENTS)
    assert len({tuple(run.cell.deployment for run in group) for group in groups}) > 1


def test_parity_covers_every_model_file_with_and_without_packed_cache(
    plan_for: PlanFor, bundle: Bundle
) -> None:
    covered = {
        (task.model, task.name, run.spec.packed_cache)
        for run in runs_of(plan_for(BenchConfig()), "parity")
        for task in run.spec.tasks
    }
    assert covered == {
        (f"bundle/{model.path}", entry.task, packed)
        for model in bundle.models
        if model.kind != "tiny"
        for entry in model.entries
        for packed in (False, True)
    }


def test_a_packed_cache_belongs_to_the_files_not_to_the_deployment(plan_for: PlanFor) -> None:
    folders = {
        (run.cell.runtime, run.cell.deployment): run.spec.packed_dir
        for run in plan_for(BenchConfig()).runs
        if run.spec.packed_dir
    }
    assert folders["executorch", "joint"] == folders["executorch", "joint-lazy"]
    assert len(set(folders.values())) == 4


def test_memory_is_read_in_the_states_that_the_config_names(plan_for: PlanFor) -> None:
    states = {run.cell.cache for run in runs_of(plan_for(BenchConfig()), "memory")}
    assert states == {"warm"}
    both = BenchConfig(memory_caches=("warm", "cold"))
    assert len(runs_of(plan_for(both), "memory")) == 32
    only_cold = BenchConfig(caches=("cold",))
    assert {run.cell.cache for run in runs_of(plan_for(only_cold), "memory")} == {"cold"}


def test_the_hash_of_a_plan_names_its_runs_and_its_files(plan_for: PlanFor, bundle: Bundle) -> None:
    plan = plan_for(BenchConfig())
    assert plan.sha256 == plan_for(BenchConfig()).sha256
    assert plan.sha256 != plan_for(BenchConfig(seed=1)).sha256
    changed = bundle.models[0].model_copy(update={"sha256": "1" * 64})
    other = bundle.model_copy(update={"models": (changed, *bundle.models[1:])})
    assert plan.bundle_sha256 != _plan(other).bundle_sha256
    assert plan.sha256 != _plan(other).sha256


def _plan(bundle: Bundle) -> Plan:
    return plan_experiment(bundle, BenchConfig())


@pytest.mark.parametrize("field", ["deployments", "caches", "packed_caches"])
def test_nothing_to_measure_is_refused_by_name(plan_for: PlanFor, field: str) -> None:
    with pytest.raises(BadInput, match=f"bench.{field}"):
        plan_for(BenchConfig(**{field: ()}))
