"""The model files of a bundle: which to make, and how the manifest describes them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.bundle import File, ModelFile
from taskzip.contracts.config import ExportConfig
from taskzip.contracts.names import ModelKind, Precision, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.accuracy import Measuring
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.precision import WHY, left_whole
from taskzip.pipeline.exporters.two_forms import TwoForms
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.layout import model_path


@dataclass(frozen=True)
class PlannedModel:
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


def planned_models(
    tasks: Sequence[TwoForms], tiny: EntryPoint, config: ExportConfig
) -> tuple[PlannedModel, ...]:
    """Every file of a bundle: of each runtime tiny, joint, and one of each task."""
    precision = config.precision
    joint = tuple(task.entry("joint") for task in tasks)
    separate = [(task.entry("separate"),) for task in tasks]
    return tuple(
        model
        for runtime in config.runtimes
        for model in (
            PlannedModel(runtime, "tiny", (tiny,)),
            PlannedModel(runtime, "joint", joint, precision),
            *(PlannedModel(runtime, "separate", entries, precision) for entries in separate),
        )
    )


def describe_model(model: PlannedModel, measuring: Measuring) -> ModelFile:
    """A file that was made, as the manifest lists it."""
    file = describe_file(measuring.folder / model.path, measuring.folder)
    return ModelFile(
        **file.model_dump(),
        runtime=model.runtime,
        kind=model.kind,
        precision=model.precision,
        entries=measuring.entries(model.order(measuring.folder)),
    )


def kept_whole(model: PlannedModel, folder: Path) -> Iterator[str]:
    """A note, if the file has filters that the runtime does not take in its precision."""
    if model.precision == "fp32":
        return
    ledger = inspect_file(folder / model.path, model.path)
    whole = left_whole(ledger)
    if whole:
        stay = f"{whole:,} of {ledger.numbers:,} numbers stay fp32"
        yield f"{model.path}: {stay}; {WHY[model.precision]}"


def describe_file(path: Path, folder: Path) -> File:
    """Any file, `path` below the bundle's `folder`."""
    content = path.read_bytes()
    return File(
        path=path.relative_to(folder).as_posix(),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
