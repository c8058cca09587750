"""The bundle folder: model files for every runtime, golden tensors, and the manifest."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from taskzip.contracts.bundle import (
    BUNDLE_FILE,
    Bundle,
    File,
    ModelFile,
    Task,
)
from taskzip.contracts.config import TINY, ExportConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import ModelKind, Precision, Runtime
from taskzip.contracts.progress import Progress
from taskzip.pipeline.entry import UNNAMED, EntryPoint, TensorNames
from taskzip.pipeline.exporters.accuracy import Measuring, TaskData
from taskzip.pipeline.exporters.ledger import sharing
from taskzip.pipeline.exporters.limits import check_size
from taskzip.pipeline.exporters.precision import WHY, left_whole
from taskzip.pipeline.exporters.tensors import outputs_of, tensor_spec, write_raw
from taskzip.pipeline.exporters.workers import ExportWorkers, FileOrder
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.layout import model_path
from taskzip.pipeline.stamp import ABSENT, installed

MAKERS = (
    "taskzip",
    "torch",
    "executorch",
    "torchao",
    "litert-torch",
    "ai-edge-litert",
    "ai-edge-quantizer",
)
_TINY_WIDTH = 8

Form = Literal["joint", "separate"]


@dataclass(frozen=True)
class TwoForms:
    """A task's network within the joint one and on its own; `inputs` are one real example."""

    name: str
    joint: nn.Module
    separate: nn.Module
    inputs: tuple[torch.Tensor, ...]
    data: TaskData
    names: TensorNames = UNNAMED
    notes: tuple[str, ...] = ()
    """What its joint form cannot do that the joint network does."""

    def entry(self, form: Form) -> EntryPoint:
        """The entry point of one form."""
        module = self.joint if form == "joint" else self.separate
        return EntryPoint(self.name, module, self.inputs, self.data.others(), self.names)


@dataclass(frozen=True)
class _Model:
    """A model file to make."""

    runtime: Runtime
    kind: ModelKind
    entries: tuple[EntryPoint, ...]
    precision: Precision = "fp32"

    @property
    def path(self) -> str:
        """Below the bundle's folder."""
        return model_path(self.runtime, self.kind, self.entries[0].name)

    def order(self, folder: Path) -> FileOrder:
        """What makes it below that folder."""
        return FileOrder(folder / self.path, self.runtime, self.entries, self.precision)


def write_bundle(
    tasks: Sequence[TwoForms],
    config: ExportConfig,
    folder: Path,
    workers: ExportWorkers,
    progress: Progress,
) -> Bundle:
    """Export, check and write everything; `folder` is replaced only when all of it is there."""
    with _replacing(folder) as made:
        tiny = tiny_entry()
        models = _models(tasks, tiny, config)
        orders = [model.order(made) for model in models]
        for order in orders:
            check_size(order.runtime, order.path, order.entries)
        described = tuple(_describe(task, made) for task in tasks)  # before the long work
        workers.export(orders, config.tolerance, progress)
        measuring = Measuring(workers, {task.name: task.data for task in tasks}, made, progress)
        bundle = Bundle(
            tasks=described,
            tiny=_describe_tiny(tiny, made),
            models=tuple(_model_file(model, measuring) for model in models),
            data=tuple(_file(path, made) for path in sorted((made / "golden").iterdir())),
            sharing=sharing({task.name: task.joint for task in tasks}),
            tolerance=config.tolerance,
            notes=(
                *(note for task in tasks for note in task.notes),
                *(note for model in models for note in _kept_whole(model, made)),
            ),
            versions=versions(),
        )
        bundle.write(made / BUNDLE_FILE)
    return bundle


def tiny_entry() -> EntryPoint:
    """The one-layer network of the memory baseline: always the same weights and input."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(_TINY_WIDTH, _TINY_WIDTH)
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
        layer.bias.normal_(generator=generator)
    return EntryPoint(TINY, layer.eval(), (torch.randn(1, _TINY_WIDTH, generator=generator),))


def versions() -> dict[str, str]:
    """Package → version of what makes the files, as far as it is installed."""
    return {name: found for name, found in installed(MAKERS).items() if found != ABSENT}


def _models(
    tasks: Sequence[TwoForms], tiny: EntryPoint, config: ExportConfig
) -> tuple[_Model, ...]:
    precision = config.precision
    joint = tuple(task.entry("joint") for task in tasks)
    separate = [(task.entry("separate"),) for task in tasks]
    return tuple(
        model
        for runtime in config.runtimes
        for model in (
            _Model(runtime, "tiny", (tiny,)),
            _Model(runtime, "joint", joint, precision),
            *(_Model(runtime, "separate", entries, precision) for entries in separate),
        )
    )


def _describe(task: TwoForms, folder: Path) -> Task:
    golden: dict[Form, tuple[torch.Tensor, ...]] = {
        "joint": outputs_of(task.joint, task.inputs),
        "separate": outputs_of(task.separate, task.inputs),
    }
    _check_names(task, golden["separate"])
    return _task(task.entry("separate"), golden, folder)


def _check_names(task: TwoForms, outputs: Sequence[torch.Tensor]) -> None:
    for key, names, tensors in (
        ("input_names", task.names.inputs, task.inputs),
        ("output_names", task.names.outputs, outputs),
    ):
        if names and len(names) != len(tensors):
            raise BadInput(
                f"task {task.name}: {key} has {len(names)} ({', '.join(names)}), but the network "
                f"has {len(tensors)}; name each, in their order"
            )


def _describe_tiny(tiny: EntryPoint, folder: Path) -> Task:
    return _task(tiny, {"separate": outputs_of(tiny.module, tiny.inputs)}, folder)


def _task(
    entry: EntryPoint,
    golden: dict[Form, tuple[torch.Tensor, ...]],
    folder: Path,
) -> Task:
    return Task(
        name=entry.name,
        inputs=tuple(
            tensor_spec(entry.names.input(index), tensor)
            for index, tensor in enumerate(entry.inputs)
        ),
        outputs=tuple(
            tensor_spec(entry.names.output(index), tensor)
            for index, tensor in enumerate(golden["separate"])
        ),
        golden_inputs=write_raw(entry.inputs, f"{entry.name}.in", folder),
        golden_outputs={
            form: write_raw(tensors, f"{entry.name}.{form}.out", folder)
            for form, tensors in golden.items()
        },
    )


def _model_file(model: _Model, measuring: Measuring) -> ModelFile:
    file = _file(measuring.folder / model.path, measuring.folder)
    return ModelFile(
        **file.model_dump(),
        runtime=model.runtime,
        kind=model.kind,
        precision=model.precision,
        entries=measuring.entries(model.order(measuring.folder)),
    )


def _kept_whole(model: _Model, folder: Path) -> Iterator[str]:
    """A note, if the file has filters that the runtime does not take in its precision."""
    if model.precision == "fp32":
        return
    ledger = inspect_file(folder / model.path, model.path)
    whole = left_whole(ledger)
    if whole:
        stay = f"{whole:,} of {ledger.numbers:,} numbers stay fp32"
        yield f"{model.path}: {stay}; {WHY[model.precision]}"


def _file(path: Path, folder: Path) -> File:
    content = path.read_bytes()
    return File(
        path=path.relative_to(folder).as_posix(),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` that takes its place when the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    try:
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
