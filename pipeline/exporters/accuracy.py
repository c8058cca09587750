"""What a file's precision costs its tasks: its answers on this machine beside torch's in fp32."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from taskzip.contracts.bundle import Accuracy, Entry
from taskzip.contracts.progress import Progress
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.tensors import outputs_of, write_raw
from taskzip.pipeline.exporters.workers import ExportWorkers

CALIBRATION_SAMPLES = 64
"""Of each task, to find ranges with and to measure outputs on."""
EVALUATION_SAMPLES = 1000
"""Of each task at most; a file takes them one by one."""

Labelled = Iterable[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class TaskData:
    """A task's data, for files that are not in fp32."""

    calibration: tuple[torch.Tensor, ...]
    """(n, …) of each input."""
    evaluation: Callable[[], Labelled] | None
    errors: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    """Answers (n, …) and labels → an error in percent for each, (n,)."""

    def others(self) -> tuple[torch.Tensor, ...]:
        """The calibration data without its first sample; none if that is all."""
        if len(self.calibration[0]) == 1:
            return ()
        return tuple(each[1:] for each in self.calibration)


def first_samples(batches: Iterable[torch.Tensor], most: int) -> torch.Tensor:
    """(n, …) the first samples of some batches, at most so many."""
    found, count = [], 0
    for batch in batches:
        found.append(batch[: most - count].clone())
        count += len(found[-1])
        if count >= most:
            break
    return torch.cat(found)


@dataclass(frozen=True)
class Measuring:
    """Files are asked by workers; what they answer to golden inputs is written below `folder`."""

    workers: ExportWorkers
    data: Mapping[str, TaskData]
    folder: Path
    progress: Progress

    def entries(self, file: FileOrder) -> tuple[Entry, ...]:
        """The file's entries, with golden outputs and accuracy where it is not in fp32."""
        if file.making.precision == "fp32":
            return tuple(Entry(task=each.name, entry=each.name) for each in file.entries)
        return tuple(self._measured(file, each) for each in file.entries)

    def _measured(self, file: FileOrder, entry: EntryPoint) -> Entry:
        def ask(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return self.workers.answers(file.path, file.runtime, entry, inputs)

        kind = "joint" if len(file.entries) > 1 else "separate"
        stem = f"{entry.name}.{kind}.{file.runtime}.out"
        golden = write_raw(ask(*entry.inputs), stem, self.folder)
        accuracy = accuracy_of(entry, self.data[entry.name], ask)
        self.progress.step(f"{file.runtime}/{file.path.name}: {_said(entry.name, accuracy)}")
        return Entry(task=entry.name, entry=entry.name, golden_outputs=golden, accuracy=accuracy)


def accuracy_of(
    entry: EntryPoint, data: TaskData, ask: Callable[..., tuple[torch.Tensor, ...]]
) -> Accuracy:
    """How far the answers of `ask`, (n, …) for inputs (n, …), are from the entry's own."""
    wrong = power = 0.0
    for before, after in zip(_rows(entry, data), ask(*data.calibration), strict=True):
        wrong += float((after - before).square().sum())
        power += float(before.square().sum())
    found = Accuracy(
        output_error=wrong / max(power, torch.finfo(torch.float32).tiny),
        samples=len(data.calibration[0]),
    )
    return found if data.evaluation is None else _with_errors(found, entry, data, ask)


def _rows(entry: EntryPoint, data: TaskData) -> Iterator[torch.Tensor]:
    """Each output (n, …) of torch: one sample at a time, as the file takes them."""
    rows = zip(*(each.split(1) for each in data.calibration), strict=True)
    for outputs in zip(*(outputs_of(entry.module, row) for row in rows), strict=True):
        yield torch.cat(outputs)


def _with_errors(
    found: Accuracy,
    entry: EntryPoint,
    data: TaskData,
    ask: Callable[..., tuple[torch.Tensor, ...]],
) -> Accuracy:
    before = after = 0.0
    count = 0
    for inputs, labels in _few(data.evaluation() if data.evaluation else ()):
        singles = [outputs_of(entry.module, (each,))[0] for each in inputs.split(1)]
        before += float(data.errors(torch.cat(singles), labels).double().sum())
        after += float(data.errors(ask(inputs)[0], labels).double().sum())
        count += len(inputs)
    if not count:
        return found
    return found.model_copy(
        update={
            "error_percent_before": before / count,
            "error_percent": after / count,
            "evaluated": count,
        }
    )


def _few(batches: Labelled) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    left = EVALUATION_SAMPLES
    for inputs, labels in batches:
        if left <= 0:
            return
        yield inputs[:left], labels[:left]
        left -= len(inputs)


def _said(task: str, accuracy: Accuracy) -> str:
    text = f"{task} is off by {accuracy.output_error:.1e} of its outputs' power"
    if accuracy.error_percent is None:
        return text
    return (
        f"{text}, error {accuracy.error_percent_before:.2f} % → {accuracy.error_percent:.2f} % "
        f"({accuracy.evaluated} samples)"
    )
