"""The config: one TOML file that says which tasks to zip, how, for what, and how to measure."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.document import Document, describe
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import (
    RUNTIMES,
    WORKLOADS,
    CacheState,
    Clock,
    Count,
    Deployment,
    LossName,
    Precision,
    Runtime,
    TaskName,
    TensorName,
    ZipMethod,
)
from taskzip.contracts.retraining import LEAST_COMPARED, RetrainConfig
from taskzip.contracts.toml import read_toml, unknown_key

Callable_ = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"),
]
"""`module:function`, importable from the config's folder."""

NETWORK_FILES = (".pt2", ".keras", ".h5")
"""Suffixes of files that hold a network and its weights."""

MOST_TASKS = 256
"""Of a bundle; the runner refuses more."""

FormChoice = Literal["auto", "blocked", "assembled"]
Delegate = Literal["xnnpack", "none"]

Share = Annotated[float, Field(ge=0, le=1)] | Annotated[int, Field(ge=0)]
"""A float is the fraction of a layer's channels to share (1.0: all), an integer their number."""

PairCost = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""What merging channels costs, relative to their own power: 0 for equal ones, 1 for all at most."""


class TaskConfig(Document):
    """One task: its network, trained weights and data."""

    name: TaskName
    network: str
    """`module:factory`, `torchvision:NAME`, `timm:NAME`, or a file of NETWORK_FILES."""
    network_options: dict[str, JsonValue] = Field(default_factory=dict)
    """Keyword arguments of the factory; none for a file."""
    weights: Path | None = None
    """A safetensors file; needed unless the network is a file, which has its own."""
    calibration: Callable_
    """Function without arguments: an iterable of batches `x`."""
    evaluation: Callable_ | None = None
    """Function without arguments: an iterable of batches `(x, label)`, or of `x` alone: then the
    separate network's own answers are the labels."""
    metric: Literal["classification"] | Callable_ = "classification"
    """What an error is: a wrong class, or what a function of answers (n, …) and labels says: (n,),
    in percent."""
    training: Callable_ | None = None
    """Batches `(x, label)` or `x`; what retraining learns from. On outputs it takes the inputs
    alone, and the calibration data where there is no `training`."""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """α: how much the task's errors count beside the others'."""
    loss: LossName | None = None
    """As `retrain.loss`, for this task; None: as that says."""
    loss_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """What the task's loss is multiplied by in retraining; None: its `weight`."""
    feature_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """As `retrain.feature_weight`, for this task; None: as that says."""
    input_names: tuple[TensorName, ...] = ()
    """What the network's inputs are called in exported files, in their order."""
    output_names: tuple[TensorName, ...] = ()
    """Likewise its outputs."""

    @property
    def network_file(self) -> Path | None:
        """The network's file, if it is one."""
        path = Path(self.network)
        return path if path.suffix.lower() in NETWORK_FILES else None

    @field_validator("input_names", "output_names")
    @classmethod
    def _names_differ(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands there twice; each needs a name of its own")
        return names

    @field_validator("network")
    @classmethod
    def _network_is_a_name_or_a_file(cls, network: str) -> str:
        is_file = Path(network).suffix.lower() in NETWORK_FILES
        if not is_file and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", network):
            raise ValueError(
                "a network is 'module:factory', 'torchvision:NAME', 'timm:NAME' or a file that "
                f"ends in {', '.join(NETWORK_FILES)}"
            )
        return network

    @model_validator(mode="after")
    def _has_what_its_network_needs(self) -> Self:
        where = f"task {self.name}: network {self.network}"
        if self.network_file is None and self.weights is None:
            raise ValueError(
                f'{where} has no weights; add weights = "FILE.safetensors" '
                f"(only {', '.join(NETWORK_FILES)} files have their own)"
            )
        if self.network_file is not None and self.network_options:
            raise ValueError(f"{where} is a file and takes no network_options; remove them")
        return self


class ZipConfig(Document):
    """How the joint network is made."""

    method: ZipMethod = "mtz"
    pairing: Literal["greedy", "hungarian"] = "hungarian"
    share: Share | dict[str, Share] = 1.0
    """For all hidden layers, or by layer name (layers not named are shared fully)."""
    share_multiple: Annotated[int, Field(ge=1)] = 1
    """Fractions and budgets share all channels of a layer, or a multiple of this: a kernel computes
    several at once, and a few that are left over cost as much."""
    max_pair_cost: PairCost | dict[str, PairCost] | None = None
    """Of what `share` allows, only channels that cost at most this; by layer name as `share`."""
    max_bytes: Annotated[int, Field(gt=0)] | None = None
    """Of the joint network's weights; the solver chooses what each layer shares."""
    max_size_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of the joint network's weights to those of all separate ones."""
    max_error: Annotated[float, Field(ge=0)] | None = None
    """Mean increase of the error in points where all tasks have evaluation data; else the predicted
    relative squared error, summed over the layers."""
    plan: Path | None = None
    """A `plan.json` to apply as it is."""
    affine: Literal["normalized", "all", "none"] = "normalized"
    """Where each task scales and shifts shared outputs in its own way: where the networks had a
    batch norm, everywhere, or nowhere."""
    share_inputs: bool = True
    """Whether first layers may be shared; false: the tasks' inputs are of different kinds."""
    share_depthwise: bool = True
    """Whether depthwise kernels may be shared; false: the channels are, each with every task's own
    kernel."""
    private_layers: tuple[str, ...] = ()
    """Layers, as the first task calls them, of which each task keeps its own; their channels may be
    shared all the same, so that what reads them can be."""
    refit: bool | None = None
    """Solve weights again for the inputs that merging leaves; None: for mtz, not for baselines."""
    refit_ridge: Annotated[float, Field(gt=0)] = 0.01
    """λ of the refit, as a fraction of the mean diagonal of the second moment."""
    reconstruct_steps: Count = 200
    """Steps in which a merged layer moves towards what the next one needs; part of the refit."""
    damping: Annotated[float, Field(gt=0)] = 1e-3
    """Added to the second moments' diagonal, as a fraction of its mean."""
    mask: Literal["larger", "union", "strongest"] = "larger"
    """Which weights a merged channel of pruned networks has: those of the channel that has more of
    them, all that any of the channels has, or of these as many as the first, those that matter."""
    hybrid_density: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Entries that a task adds to shared weights, in the mean over the tasks, to those weights."""
    hybrid_criterion: Literal["hessian", "magnitude"] = "hessian"
    """Which entries: those that lower the squared error most, or the largest."""
    hybrid_start: Literal["merged", "first"] = "merged"
    """What retraining begins with: shared weights and entries that fit all tasks best; or the first
    task's trunk for all, and entries of 0 for the others where their outputs ask for them most."""
    hybrid_rounds: Annotated[int, Field(ge=1)] = 8
    """Rounds in which entries, their values and the shared weights are found, at most."""
    seed: int = 0


_INT8_TOLERANCE = Tolerance(absolute=1e-3, relative=5e-2)
TOLERANCES: dict[Precision, Tolerance] = {
    "fp32": Tolerance(absolute=1e-4, relative=1e-4),
    "fp16": Tolerance(absolute=1e-3, relative=1e-2),
    "int8-dynamic": _INT8_TOLERANCE,
    "int8-static": _INT8_TOLERANCE,
}
"""Of the same computation by other kernels. An int8 step is 0.8 % of the largest output: a sum that
is rounded the other way moves an output by a step or some."""


class ExportConfig(Document):
    """What files are made."""

    runtimes: tuple[Runtime, ...] = RUNTIMES
    precision: Precision = "fp32"
    """Of the tasks' files; the memory baseline's stays fp32."""
    form: FormChoice | dict[str, FormChoice] = "auto"
    """Of layers that tasks share in part: all of them, or by layer name (others: "auto")."""
    delegate: Delegate = "xnnpack"
    """What computes ExecuTorch's files; "none": its own kernels alone."""
    data_file: bool = False
    """Whether the joint .pte has its weights in a .ptd beside it."""
    tolerance_absolute: Annotated[float, Field(ge=0)] | None = None
    tolerance_relative: Annotated[float, Field(ge=0)] | None = None
    """None: what TOLERANCES says of the precision."""
    keep_going: bool = False
    """Whether a runtime that cannot hold a network is left out, and the others go on."""

    @model_validator(mode="after")
    def _has_a_delegate_that_can(self) -> Self:
        if self.delegate == "none" and self.precision != "fp32":
            raise ValueError(
                f"precision {self.precision!r} needs delegate 'xnnpack': ExecuTorch's own kernels "
                "are exported in fp32 alone"
            )
        if self.delegate == "none" and self.data_file:
            raise ValueError(
                "data_file needs delegate 'xnnpack': without it ExecuTorch names weights in a .ptd "
                "by parameter, and tasks have parameters of the same name"
            )
        return self

    @property
    def can_assemble(self) -> bool:
        """Whether ExecuTorch's joint file may hold layers that are put together when loaded."""
        return self.delegate == "xnnpack" and not self.data_file

    @property
    def tolerance(self) -> Tolerance:
        """What outputs may differ by."""
        usual = TOLERANCES[self.precision]
        absolute, relative = self.tolerance_absolute, self.tolerance_relative
        return Tolerance(
            absolute=usual.absolute if absolute is None else absolute,
            relative=usual.relative if relative is None else relative,
        )


class BenchConfig(Document):
    """What is measured."""

    deployments: tuple[Deployment, ...] = (
        *("joint", "joint-lazy"),
        *("separate-resident", "separate-swap"),
    )
    lru_k: Annotated[int, Field(ge=1)] = 2
    """Files that `separate-lru` keeps loaded."""
    caches: tuple[CacheState, ...] = ("warm", "cold")
    packed_caches: tuple[bool, ...] = (False, True)
    memory_caches: tuple[CacheState, ...] = ("warm",)
    """Page-cache states in which memory is read; cells of another state show the first's. None:
    memory is not read."""
    workload: str = "random"
    """The order in which tasks are asked for: one of WORKLOADS, or a trace, a text file with the
    name of a task a line."""
    memory_limit_mib: Annotated[int, Field(ge=1)] | None = None
    """Of each runner with the pages that it reads; needs root on the device."""
    switches: Annotated[int, Field(ge=1)] = 25
    """Measured switches of a cell, over all blocks; `pairs` rounds it up."""
    warmups: Count = 3
    """Warm-up switches of each run; recorded and marked."""
    inferences: Annotated[int, Field(ge=1)] = 2
    """Steady inferences after each switch."""
    blocks: Annotated[int, Field(ge=1)] | None = None
    """Rounds over all cells; None: one with the counted clock, which does not drift, else two."""
    clock: Clock | None = None
    """None: the device's; of the emulated device, what its profile says."""
    seed: int = 0
    threads: Annotated[int, Field(ge=1)] = 1


class DeviceConfig(Document):
    """Where it is measured; fields that are None say of the emulated device what `profile` does."""

    device: str = "auto"
    profile: str = "default"
    """One of `deploy device profiles`."""
    memory_mib: Annotated[int, Field(ge=128)] | None = None
    cpus: Annotated[int, Field(ge=1)] | None = None
    """vCPUs with the real clock; the counted clock has one."""
    cpu_model: str | None = None
    disk_mib: Annotated[int, Field(ge=16)] | None = None
    flash_read_bytes_per_second: Annotated[int, Field(gt=0)] | None = None
    flash_write_bytes_per_second: Annotated[int, Field(gt=0)] | None = None
    flash_read_iops: Annotated[int, Field(gt=0)] | None = None
    flash_write_iops: Annotated[int, Field(gt=0)] | None = None
    side_by_side: Annotated[int, Field(ge=1)] = len(RUNTIMES)
    """Equal emulated devices that work at the same time with the counted clock, which does not
    depend on the host's load; each measures its own runtimes."""
    idle_stop_seconds: Annotated[int, Field(ge=1)] | None = None


class Config(Document):
    """The whole file; everything but the tasks has a default."""

    tasks: Annotated[tuple[TaskConfig, ...], Field(min_length=2)]
    zip: ZipConfig = ZipConfig()
    retrain: RetrainConfig = RetrainConfig()
    export: ExportConfig = ExportConfig()
    bench: BenchConfig = BenchConfig()
    device: DeviceConfig = DeviceConfig()

    @field_validator("tasks")
    @classmethod
    def _are_not_too_many(cls, tasks: tuple[TaskConfig, ...]) -> tuple[TaskConfig, ...]:
        if len(tasks) > MOST_TASKS:
            raise ValueError(
                f"{len(tasks)} tasks; the runner loads at most {MOST_TASKS} from one bundle: "
                "make several bundles"
            )
        return tasks

    @field_validator("tasks")
    @classmethod
    def _names_are_unique(cls, tasks: tuple[TaskConfig, ...]) -> tuple[TaskConfig, ...]:
        names = [task.name for task in tasks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"task named twice: {', '.join(twice)}")
        return tasks

    @model_validator(mode="after")
    def _has_labels_to_retrain_on(self) -> Self:
        without = [task.name for task in self.tasks if task.training is None]
        if self.retrain.iterations and self.retrain.target == "labels" and without:
            raise ValueError(
                f'retrain.target "labels": task {", ".join(without)} has no labelled training '
                'data; add training = "module:function", which yields (inputs, labels), or set '
                'target = "outputs", which needs none'
            )
        return self

    @model_validator(mode="after")
    def _can_learn_features(self) -> Self:
        if not any((self.retrain.feature_weight, *(task.feature_weight for task in self.tasks))):
            return self
        if self.retrain.target == "labels":
            raise ValueError(
                'feature_weight goes with retrain.target "outputs": it adds to what is learned of '
                "the originals' answers"
            )
        if self.retrain.batch_size < LEAST_COMPARED:
            raise ValueError(
                f"feature_weight needs a retrain.batch_size of {LEAST_COMPARED} or more, not "
                f"{self.retrain.batch_size}: how inputs of a batch are alike is compared"
            )
        return self

    @model_validator(mode="after")
    def _trains_hosted_tasks_at_the_end(self) -> Self:
        if self.zip.hybrid_start == "first" and self.retrain.layer_iterations:
            raise ValueError(
                'zip.hybrid_start "first" goes with retrain.iterations, not layer_iterations: '
                "entries are placed when all layers are there"
            )
        return self

    @model_validator(mode="after")
    def _leaves_the_names_of_other_files(self) -> Self:
        names = {task.name for task in self.tasks}
        if TINY in names:
            raise ValueError(f"{TINY!r} is the name of the memory baseline's own network")
        if JOINT in names:
            raise ValueError(f"{JOINT!r} is the name of the joint network's own files")
        return self


TINY = "tiny"
JOINT = "joint"


def load_config(path: Path) -> Config:
    """The config in a TOML file, its paths made absolute; BadInput says what is wrong and where."""
    raw = read_toml(path, "config")
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"{path}: {_explain(error)}") from error
    return _with_absolute_paths(config, path.resolve().parent)


def _with_absolute_paths(config: Config, folder: Path) -> Config:
    tasks = tuple(_with_paths_below(folder, task) for task in config.tasks)
    plan = None if config.zip.plan is None else folder / config.zip.plan
    planned = config.zip.model_copy(update={"plan": plan})
    bench = with_absolute_trace(config.bench, folder)
    return config.model_copy(update={"tasks": tasks, "zip": planned, "bench": bench})


def with_absolute_trace(bench: BenchConfig, folder: Path) -> BenchConfig:
    """The section, its trace made a path below `folder`; BadInput if there is no such file."""
    if bench.workload in WORKLOADS:
        return bench
    trace = folder / bench.workload
    if not trace.is_file():
        raise BadInput(
            f"workload {bench.workload!r} is neither one of {', '.join(WORKLOADS)} nor a file "
            f"in {folder}"
        )
    return bench.model_copy(update={"workload": str(trace)})


def _with_paths_below(folder: Path, task: TaskConfig) -> TaskConfig:
    paths: dict[str, object] = {}
    if task.weights is not None:
        paths["weights"] = folder / task.weights
    if task.network_file is not None:
        paths["network"] = str(folder / task.network_file)
    return task.model_copy(update=paths)


def _explain(error: ValidationError) -> str:
    for problem in error.errors(include_url=False):
        if problem["type"] == "extra_forbidden":
            return _unknown_key(problem["loc"])
    return describe(error)


def _unknown_key(location: tuple[int | str, ...]) -> str:
    *parents, key = location
    where = ".".join(str(part) for part in parents) or "the top level"
    return unknown_key(str(key), where, _keys_at(parents))


def _keys_at(parents: list[int | str]) -> list[str]:
    fields: dict[str, Any] = Config.model_fields
    for part in parents:
        if part == "tasks":
            fields = TaskConfig.model_fields
        elif isinstance(part, str):
            fields = fields[part].annotation.model_fields
    return list(fields)
