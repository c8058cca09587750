"""A small bundle and a simulated device that answers RunSpecs as the runner would."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from taskzip.benchmarks.experiment import run_experiment
from taskzip.benchmarks.journal import read_records
from taskzip.benchmarks.plan import plan_experiment
from taskzip.contracts.bundle import (
    BUNDLE_FILE,
    Bundle,
    Entry,
    File,
    ModelFile,
    Sharing,
    Task,
    TensorSpec,
    Tolerance,
)
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.config import TINY, BenchConfig
from taskzip.contracts.events import (
    Done,
    Event,
    Failure,
    Hello,
    Load,
    Memory,
    MemoryPart,
    MemoryParts,
    Output,
    Phase,
    Pressure,
    Switch,
)
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.contracts.record import Record
from taskzip.contracts.runspec import RunSpec
from taskzip.pipeline.networks.user_code import UserFolder

SMALL_PROJECT = Path(__file__).parents[1] / "pipeline" / "small_project"
TASKS = ("digits", "fashion")
SHARED_BYTES, PRIVATE_BYTES = 1_707_600, 16_440
JOINT_BYTES, SEPARATE_BYTES = 1_761_024, 1_730_112
SUFFIX = {"executorch": "pte", "litert": "tflite"}
MIB = 1 << 20


class SimulatedDevice:
    """Valid events with plausible figures, the same for the same spec; counts what it is asked."""

    def __init__(self, bundle_folder: Path, spread: float = 0.02) -> None:
        self.bundle_folder = bundle_folder
        self.spread = spread
        self.ran: list[str] = []
        self.breaks_at: str | None = None
        """A run that ends in a failure."""
        self.drops_last_event_of: str | None = None
        """A run whose end never arrives."""
        self.outputs: dict[str, bytes] = {}

    def run(self, spec: RunSpec) -> Iterator[Event]:
        """The events of one process."""
        self.ran.append(spec.run)
        *events, last = self._events(spec)
        yield from events
        if spec.run == self.breaks_at:
            yield Failure(code="load_failed", message="no memory left")
        elif spec.run != self.drops_last_event_of:
            yield last

    def _events(self, spec: RunSpec) -> Iterator[Event]:
        yield Hello(contract=1, runner_version="0.1.0", runtime=spec.runtime,
                    runtime_version={"executorch": "1.5.1", "litert": "2.3.0"}[spec.runtime],
                    pid=4242)  # fmt: skip
        if spec.mode == "memory":
            yield from _memory(spec)
        elif spec.mode == "parity":
            yield from self._parity(spec)
        else:
            yield from self._latency(spec)
        yield Done(packed_cache_bytes=_packed_bytes(spec))

    def fetch(self, path: str) -> bytes:
        """An output of a parity run."""
        return self.outputs[path]

    def _latency(self, spec: RunSpec) -> Iterator[Event]:
        random = Random(spec.run)
        resident = 1.0 if spec.cache == "warm" else 0.0
        load = 2 * _reload_ns(spec)
        yield Load(load_ns=load, open_ns=load // 10, prepare_ns=load * 8 // 10,
                   resident_fraction=resident, minor_faults=310, major_faults=4)  # fmt: skip
        for index, task in enumerate(spec.sequence):
            yield self._switch(spec, index, spec.tasks[task].name, random, resident)
        yield Pressure(
            refaulted_file_pages=0, refaulted_anonymous_pages=0, reclaimed_pages=0,
            oom_kills=0, some_stalled_ns=0, full_stalled_ns=0,
        )  # fmt: skip

    def _switch(
        self, spec: RunSpec, index: int, task: str, random: Random, resident: float
    ) -> Switch:
        def about(ns: float) -> int:
            return max(0, round(ns * random.gauss(1, self.spread)))

        switch_ns = about(_switch_ns(spec))
        unload_ns = open_ns = switch_ns // 10
        prepare_ns = switch_ns * 7 // 10
        before = spec.sequence[index - 1] if index else spec.sequence[0] - 1
        inference = _inference_ns(spec.runtime)
        cold = 0 if spec.cache == "warm" else 90_000
        first_run_ns = about(inference * 1.004 + cold)
        return Switch(
            index=index, task=task, leaves=spec.tasks[before].name, warmup=index < spec.warmups,
            switch_ns=switch_ns, unload_ns=unload_ns, open_ns=open_ns, prepare_ns=prepare_ns,
            other_ns=switch_ns - unload_ns - open_ns - prepare_ns, first_run_ns=first_run_ns,
            first_output_ns=switch_ns + first_run_ns,
            inference_ns=tuple(about(inference) for _ in range(spec.inferences)),
            resident_fraction=resident, minor_faults=12, major_faults=0,
            first_minor_faults=5, first_major_faults=0,
        )  # fmt: skip

    def _parity(self, spec: RunSpec) -> Iterator[Event]:
        kind = "joint" if spec.deployment in ("joint", "joint-lazy") else "separate"
        for task in spec.tasks:
            golden = (self.bundle_folder / f"golden/{task.name}.{kind}.out0.bin").read_bytes()
            output = task.outputs[0]
            self.outputs[output.file] = golden
            yield Output(task=task.name, name=output.name, file=output.file, bytes=len(golden))


def _inference_ns(runtime: Runtime) -> int:
    return {"executorch": 2_310_000, "litert": 2_040_000}[runtime]


def _reload_ns(spec: RunSpec) -> int:
    """Opening and packing one network."""
    plain = {"executorch": 4_900_000, "litert": 6_200_000}[spec.runtime]
    ns = plain // 4 if spec.packed_cache else plain
    return ns + (9_100_000 if spec.cache == "cold" else 0)


def _switch_ns(spec: RunSpec) -> int:
    if spec.deployment == "separate-swap":
        return _reload_ns(spec)
    if spec.deployment == "joint-lazy":
        return _reload_ns(spec) // 9
    return {"executorch": 640, "litert": 410}[spec.runtime]


def _packed_bytes(spec: RunSpec) -> int:
    if not spec.packed_cache:
        return 0
    return JOINT_BYTES if spec.deployment.startswith("joint") else 2 * SEPARATE_BYTES


def _memory(spec: RunSpec) -> Iterator[Memory]:
    networks = {"joint": 1.05, "joint-lazy": 1.0, "separate-swap": 1.0}
    above = int(networks.get(spec.deployment, 2.0) * 2.1 * MIB) + (
        0 if spec.packed_cache else 300_000
    )
    runtime = {"executorch": 5 * MIB, "litert": 9 * MIB}[spec.runtime]
    levels: list[tuple[Phase, int, int]] = [
        ("runtime", runtime, runtime),
        ("start", runtime + 700_000, runtime + 900_000),
        ("loaded", runtime + 700_000 + above * 9 // 10, runtime + 700_000 + above),
        ("first_output", runtime + 700_000 + above, runtime + 700_000 + above * 14 // 10),
        ("switched", runtime + 700_000 + above, runtime + 700_000 + above * 12 // 10),
        ("unloaded", runtime + 800_000, runtime + 700_000 + above),
    ]
    for phase, pss, peak in levels:
        yield Memory(phase=phase, pss_bytes=pss, uss_bytes=pss * 9 // 10,
                     anonymous_bytes=pss * 7 // 10, file_bytes=pss * 3 // 10,
                     peak_pss_bytes=peak, peak_rss_bytes=peak + MIB,
                     parts=_parts(spec, runtime, pss, pss * 9 // 10))  # fmt: skip


def _parts(spec: RunSpec, runtime: int, pss: int, uss: int) -> MemoryParts:
    """All that is above the runtime is weights: in the packed cache, or packed in memory."""
    weights = MemoryPart(pss_bytes=pss - runtime, uss_bytes=pss - runtime)
    nothing = MemoryPart(pss_bytes=0, uss_bytes=0)
    return MemoryParts(
        model=nothing,
        packed_cache=weights if spec.packed_cache else nothing,
        heap=nothing if spec.packed_cache else weights,
        code=MemoryPart(pss_bytes=runtime, uss_bytes=uss - weights.uss_bytes),
        other=nothing,
    )


def make_bundle(folder: Path) -> Bundle:
    """Two tasks, both runtimes; golden tensors are written, model files are only named."""
    golden = Random(7)
    tasks = tuple(_task(name, folder, golden) for name in (*TASKS, TINY))
    models = [model for runtime in RUNTIMES for model in _models(runtime)]
    data = {path.relative_to(folder).as_posix(): path for path in folder.glob("golden/*.bin")}
    return Bundle(
        tasks=tasks[:-1],
        tiny=tasks[-1],
        models=tuple(models),
        data=tuple(
            File(path=name, bytes=path.stat().st_size, sha256=sha256(path.read_bytes()).hexdigest())
            for name, path in sorted(data.items())
        ),
        sharing=Sharing(
            shared_bytes=SHARED_BYTES, private_bytes=dict.fromkeys(TASKS, PRIVATE_BYTES)
        ),
        tolerance=Tolerance(absolute=1e-4, relative=1e-4),
        versions={"torch": "2.14.1"},
    )


def _task(name: str, folder: Path, random: Random) -> Task:
    def tensor(file: str, size: int) -> str:
        values = np.array([random.gauss(0, 3) for _ in range(size)], dtype="<f4")
        path = folder / "golden" / f"{name}.{file}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(values.tobytes())
        return f"golden/{name}.{file}.bin"

    return Task(
        name=name,
        inputs=(TensorSpec(name="x", dtype="float32", shape=(1, 1, 28, 28)),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=(1, 10)),),
        golden_inputs=(tensor("in0", 784),),
        golden_outputs={
            "joint": (tensor("joint.out0", 10),),
            "separate": (tensor("separate.out0", 10),),
        },
    )


def _models(runtime: Runtime) -> Iterator[ModelFile]:
    def model(name: str, kind: str, size: int, tasks: tuple[str, ...]) -> ModelFile:
        return ModelFile(
            path=f"{runtime}/{name}.{SUFFIX[runtime]}", bytes=size, sha256="0" * 64,
            runtime=runtime, kind=kind, entries=[Entry(task=t, entry=t) for t in tasks],
        )  # fmt: skip

    yield model("joint", "joint", JOINT_BYTES, TASKS)
    for task in TASKS:
        yield model(task, "separate", SEPARATE_BYTES, (task,))
    yield model(TINY, "tiny", 2_000, (TINY,))


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


@pytest.fixture
def bundle(bundle_folder: Path) -> Bundle:
    return make_bundle(bundle_folder)


@pytest.fixture
def device(bundle: Bundle, bundle_folder: Path) -> SimulatedDevice:
    assert bundle.tasks
    return SimulatedDevice(bundle_folder)


@pytest.fixture
def other_device(bundle: Bundle, bundle_folder: Path) -> SimulatedDevice:
    assert bundle.tasks
    return SimulatedDevice(bundle_folder)


@pytest.fixture(scope="session")
def conditions() -> Conditions:
    return Conditions(
        origin="virtual",
        clock="counted",
        serial="127.0.0.1:5555",
        cpus=1,
        memory_bytes=512 * MIB,
        flash_read_bytes_per_second=200_000_000,
        kernel="6.12.43+deb13-arm64",
        abi="arm64-v8a",
        started_at="2026-01-02T03:04:05Z",
    )


Measure = Callable[[BenchConfig], list[Record]]


@pytest.fixture
def measure(
    bundle: Bundle, device: SimulatedDevice, conditions: Conditions, tmp_path: Path
) -> Measure:
    """Run the whole experiment on the simulated device into `tmp_path`."""

    def run(config: BenchConfig) -> list[Record]:
        plan = plan_experiment(bundle, config)
        run_experiment([device], plan, tmp_path, conditions, Silent())
        return read_records(tmp_path)

    return run


@pytest.fixture(scope="session")
def measured_folder(conditions: Conditions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all 32 cells were measured with 8 switches; not to be changed."""
    folder = tmp_path_factory.mktemp("measured")
    bundle = make_bundle(folder / "bundle")
    bundle.write(folder / "bundle" / BUNDLE_FILE)
    plan = plan_experiment(bundle, BenchConfig(switches=8, warmups=2, blocks=2))
    device = SimulatedDevice(folder / "bundle")
    run_experiment([device], plan, folder, conditions, Silent())
    return folder


@pytest.fixture(scope="session")
def records(measured_folder: Path) -> tuple[Record, ...]:
    """The records of all 32 cells."""
    return tuple(read_records(measured_folder))


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A user's folder: a config of two tasks, its code, weights of the seeds day, night, dusk."""
    return lay_out_small_project(tmp_path)


def lay_out_small_project(folder: Path) -> Path:
    """The same in a folder that is there."""
    for file in SMALL_PROJECT.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    user = UserFolder(SMALL_PROJECT)
    for seed, name in enumerate(("day", "night", "dusk")):
        torch.manual_seed(seed)
        state = user.module("networks").network().state_dict()
        save_file(state, folder / f"{name}.safetensors")
    return folder
