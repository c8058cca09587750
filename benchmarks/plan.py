"""The plan of an experiment: every run, in order, before anything is run.

For each runtime the outputs are checked first; these runs leave the packed caches behind that
later runs find (the runner writes a cache that is missing in a process of its own, before it
measures, so what is measured is always the second start). Then the blocks: each goes through all
cells, cells that are compared standing next to each other, in an order drawn from the seed; one
task sequence serves a whole block, so that samples pair up. Memory is read in runs of its own
behind the first block.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from taskzip.benchmarks.sequences import round_robin
from taskzip.benchmarks.specs import SpecWriter, Walk
from taskzip.benchmarks.workloads import blocks_of, limit_bytes, sequence_of
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES, Deployment, ModelKind, Runtime
from taskzip.contracts.record import Cell
from taskzip.contracts.runspec import RunSpec

MEMORY_ROUNDS = 2
"""Every task is visited twice: the second visit shows what the first left behind."""

PARITY_DEPLOYMENTS: dict[ModelKind, Deployment] = {
    "joint": "joint",
    "separate": "separate-swap",
}
"""The deployment whose parity run covers all files of a kind."""


@dataclass(frozen=True)
class PlannedRun:
    """One process to start, and the cell that its records belong to."""

    spec: RunSpec
    cell: Cell
    block: int


@dataclass(frozen=True)
class Plan:
    """All runs of an experiment, in order, for one bundle."""

    runs: tuple[PlannedRun, ...]
    bundle_sha256: str
    """Of the manifest, which names the content of every file."""

    @property
    def sha256(self) -> str:
        """Names the plan: two plans with the same hash ask for the same runs of the same files."""
        lines = [self.bundle_sha256]
        for run in self.runs:
            lines += [run.spec.model_dump_json(), run.cell.model_dump_json(), str(run.block)]
        return _sha256("\n".join(lines))


def plan_experiment(bundle: Bundle, config: BenchConfig) -> Plan:
    """The runs that measure every cell of the bundle; BadInput if it has fewer than two tasks."""
    _refuse_empty_or_repeated(config)
    runtimes = [r for r in RUNTIMES if any(model.runtime == r for model in bundle.models)]
    planners = [_RuntimePlan(bundle, config, runtime) for runtime in runtimes]
    runs = [run for planner in planners for run in planner.parity()]
    for block in range(blocks_of(config)):
        for planner in planners:
            runs.extend(planner.latency(block))
            if block == 0:
                runs.extend(planner.memory())
    return Plan(tuple(runs), _sha256(bundle.model_dump_json()))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_empty_or_repeated(config: BenchConfig) -> None:
    for name in ("deployments", "caches", "packed_caches"):
        values = getattr(config, name)
        if not values or len(set(values)) != len(values):
            raise BadInput(f"bench.{name} = {list(values)}: name at least one value, each once")


@dataclass(frozen=True)
class _RuntimePlan:
    """The runs of one runtime."""

    bundle: Bundle
    config: BenchConfig
    runtime: Runtime

    @property
    def _tasks(self) -> int:
        return len(self.bundle.tasks)

    def parity(self) -> Iterator[PlannedRun]:
        """Runs whose outputs cover every model file and task, with each packed-cache setting."""
        walk = Walk("parity", round_robin(self._tasks, 1), warmups=0, inferences=0)
        for deployment in PARITY_DEPLOYMENTS.values():
            for packed_cache in self.config.packed_caches:
                yield self._run(self._cell(deployment, packed_cache), walk, "parity")

    def memory(self) -> Iterator[PlannedRun]:
        """One run per deployment, packed-cache setting and state in which memory is read."""
        walk = Walk("memory", round_robin(self._tasks, MEMORY_ROUNDS), warmups=0, inferences=0)
        measured = set(self.config.caches) & set(self.config.memory_caches)
        fallback = self.config.caches[:1] if self.config.memory_caches else ()
        for cell in self._cells(block=0):
            if cell.cache in (measured or fallback):
                yield self._run(cell, walk, "memory")

    def latency(self, block: int) -> Iterator[PlannedRun]:
        """One run per cell, all on the block's own steps."""
        names = [task.name for task in self.bundle.tasks]
        sequence = sequence_of(self.config, names, block)
        walk = Walk("latency", sequence, self.config.warmups, self.config.inferences)
        for cell in self._cells(block):
            yield self._run(cell, walk, f"block{block}", block=block)

    def _cells(self, block: int) -> Iterator[Cell]:
        """All cells in the seeded order of the block; deployments of a setting are neighbours."""
        random = Random(f"{self.config.seed}.{block}.{self.runtime}")  # noqa: S311 - reproducible
        settings = [(c, p) for c in self.config.caches for p in self.config.packed_caches]
        random.shuffle(settings)
        for cache, packed_cache in settings:
            deployments = list(self.config.deployments)
            random.shuffle(deployments)
            for deployment in deployments:
                yield Cell(
                    runtime=self.runtime,
                    deployment=deployment,
                    cache=cache,
                    packed_cache=packed_cache,
                )

    def _cell(self, deployment: Deployment, packed_cache: bool) -> Cell:
        return Cell(
            runtime=self.runtime,
            deployment=deployment,
            cache=self.config.caches[0],
            packed_cache=packed_cache,
        )

    def _run(self, cell: Cell, walk: Walk, label: str, block: int = 0) -> PlannedRun:
        config = self.config
        writer = SpecWriter(
            self.bundle,
            config.threads,
            config.clock != "real",
            config.lru_k,
            limit_bytes(config),
        )
        return PlannedRun(writer.spec(cell, walk, label), cell, block)
