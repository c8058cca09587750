"""Two bundles as one: files of both below a folder each, runs of both in turns."""

import hashlib
from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

from taskzip.benchmarks.plan import Plan, PlannedRun, plan_experiment
from taskzip.benchmarks.specs import output_file
from taskzip.contracts.bundle import Bundle, File, Task
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.history import Role
from taskzip.contracts.runspec import RunTask

ROLES: tuple[Role, ...] = ("reference", "candidate")
_Named = TypeVar("_Named", bound=File)


def prefixed(bundle: Bundle, role: Role) -> Bundle:
    """With every path below a folder of the role."""

    def moved(file: _Named) -> _Named:
        return file.model_copy(update={"path": f"{role}/{file.path}"})

    def placed(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{role}/{path}" for path in paths)

    def task(each: Task) -> Task:
        golden = {kind: placed(paths) for kind, paths in each.golden_outputs.items()}
        return each.model_copy(
            update={"golden_inputs": placed(each.golden_inputs), "golden_outputs": golden}
        )

    models = tuple(
        moved(model).model_copy(
            update={
                "entries": tuple(
                    entry.model_copy(update={"golden_outputs": placed(entry.golden_outputs)})
                    for entry in model.entries
                )
            }
        )
        for model in bundle.models
    )
    return bundle.model_copy(
        update={
            "tasks": tuple(map(task, bundle.tasks)),
            "tiny": task(bundle.tiny),
            "models": models,
            "data": tuple(map(moved, bundle.data)),
        }
    )


def joined_bundle(bundles: Mapping[Role, Bundle]) -> Bundle:
    """What is pushed: the files of both."""
    return bundles["candidate"].model_copy(
        update={
            "models": tuple(model for each in bundles.values() for model in each.models),
            "data": tuple(file for each in bundles.values() for file in each.data),
        }
    )


def joined_plan(bundles: Mapping[Role, Bundle], joined: Bundle, bench: BenchConfig) -> Plan:
    """The same run of both next to each other, now one first and now the other."""
    plans = {role: plan_experiment(bundle, bench) for role, bundle in bundles.items()}
    random = Random(bench.seed)  # noqa: S311 - reproducible
    runs: list[PlannedRun] = []
    for both in zip(*(plans[role].runs for role in ROLES), strict=True):
        named = [_with_role(run, role) for role, run in zip(ROLES, both, strict=True)]
        runs += random.sample(named, k=2)
    sha256 = hashlib.sha256(joined.model_dump_json().encode()).hexdigest()
    return Plan(tuple(runs), sha256)


def _with_role(planned: PlannedRun, role: Role) -> PlannedRun:
    spec, run = planned.spec, f"{role}.{planned.spec.run}"
    tasks = tuple(_with_outputs(task, run) for task in spec.tasks)
    update = {"run": run, "tasks": tasks, "tiny": _with_outputs(spec.tiny, run)}
    return PlannedRun(spec.model_copy(update=update), planned.cell, planned.block)


def _with_outputs(task: RunTask, run: str) -> RunTask:
    """The task writing its outputs where the run does."""
    outputs = tuple(
        output.model_copy(update={"file": output_file(run, task.name, index)})
        for index, output in enumerate(task.outputs)
    )
    return task.model_copy(update={"outputs": outputs})
