"""The model files of a bundle: which to make, and how the manifest describes them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from taskzip.contracts.bundle import File, ModelFile
from taskzip.contracts.config import ExportConfig
from taskzip.contracts.names import LayerForm, ModelKind, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.accuracy import Measuring
from taskzip.pipeline.exporters.making import AS_IT_IS, Making
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.precision import WHY, left_whole
from taskzip.pipeline.exporters.two_forms import Exports, JointFile
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.layout import model_path


@dataclass(frozen=True)
class PlannedModel:
    """A model file to make."""

    runtime: Runtime
    kind: ModelKind
    entries: tuple[EntryPoint, ...]
    making: Making = AS_IT_IS
    forms: dict[str, LayerForm] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Below the bundle's folder."""
        return model_path(self.runtime, self.kind, self.entries[0].name)

    def order(self, folder: Path) -> FileOrder:
        """What makes it below that folder."""
        return FileOrder(folder / self.path, self.runtime, self.entries, self.making)


def planned_models(
    exports: Exports, tiny: EntryPoint, config: ExportConfig
) -> tuple[PlannedModel, ...]:
    """Every file of a bundle: of each runtime tiny, joint, and one of each task."""
    plain = Making(delegate=config.delegate)
    making = plain.model_copy(update={"precision": config.precision})
    joint = making.model_copy(update={"plan_sha256": exports.plan_sha256})
    with_data = joint.model_copy(update={"data_file": config.data_file})
    separate = [(task.entry(task.separate),) for task in exports.tasks]
    return tuple(
        model
        for runtime in config.runtimes
        for model in (
            PlannedModel(runtime, "tiny", (tiny,), plain),
            _joint(
                runtime, exports.joints[runtime], with_data if runtime == "executorch" else joint
            ),
            *(PlannedModel(runtime, "separate", entries, making) for entries in separate),
        )
    )


def _joint(runtime: Runtime, joint: JointFile, making: Making) -> PlannedModel:
    return PlannedModel(runtime, "joint", joint.entries, making, joint.forms)


def describe_model(model: PlannedModel, measuring: Measuring) -> Iterator[ModelFile]:
    """What was made, as the manifest lists it: the file, and its data file if it has one."""
    order = model.order(measuring.folder)
    entries = measuring.entries(order)
    for path in order.paths:
        is_program = path == order.path
        yield ModelFile(
            **describe_file(path, measuring.folder).model_dump(),
            runtime=model.runtime,
            kind=model.kind,
            precision=model.making.precision,
            entries=entries if is_program else (),
            forms=model.forms if is_program else {},
        )


def notes_on(model: PlannedModel, folder: Path) -> Iterator[str]:
    """What the file cannot do as the joint network does, or not in its precision."""
    whole = [name for name, form in model.forms.items() if form == "whole"]
    if whole:
        yield (
            f"{model.path}: layers with sparse entries of a task's own are stored whole for each "
            f"task and share no bytes: {', '.join(whole)}"
        )
    yield from _not_rounded(model, folder)


def _not_rounded(model: PlannedModel, folder: Path) -> Iterator[str]:
    if model.making.precision == "fp32":
        return
    ledger = inspect_file(folder / model.path, model.path)
    whole = left_whole(ledger)
    if whole:
        stay = f"{whole:,} of {ledger.numbers:,} numbers stay fp32"
        yield f"{model.path}: {stay}; {WHY[model.making.precision]}"


def describe_file(path: Path, folder: Path) -> File:
    """Any file, `path` below the bundle's `folder`."""
    content = path.read_bytes()
    return File(
        path=path.relative_to(folder).as_posix(),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
