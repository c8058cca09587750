"""Bundles whose work is counted in equal steps: 99 of them, and in the slower files 100.

A step is a linear layer whose weights are the identity: it costs what any layer of its size costs,
and an additional one changes no output. All steps have the same weights, so that files differ
in what is done, hardly in what is stored.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from taskzip.benchmarks.measure import BUNDLE_DIR
from taskzip.benchmarks.nightly.pair import copy_bundle, link, read_bundle
from taskzip.contracts.bundle import BUNDLE_FILE
from taskzip.contracts.config import ExportConfig
from taskzip.contracts.names import ModelKind, Runtime
from taskzip.contracts.progress import Progress
from taskzip.pipeline.exporters.accuracy import TaskData
from taskzip.pipeline.exporters.bundle import write_bundle
from taskzip.pipeline.exporters.two_forms import Exports, TwoForms
from taskzip.pipeline.exporters.workers import export_workers
from taskzip.pipeline.networks.metric import wrong_class_percent

STEPS, SLOWER_STEPS = 99, 100
TASKS = ("one", "other")
WIDTH, CLASSES = 64, 10


class Steps(nn.Module):
    """(n, WIDTH) → (n, CLASSES), so many steps and a head."""

    def __init__(self, step: nn.Linear, count: int, head: nn.Linear) -> None:
        super().__init__()
        self.step, self.count, self.head = step, count, head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.count):
            x = self.step(x)
        answer: torch.Tensor = self.head(x)
        return answer


def make_bundle(folder: Path, steps: int, runtimes: Sequence[Runtime], progress: Progress) -> None:
    """Export networks of so many steps; a bundle that is in the folder already is kept."""
    if (folder / BUNDLE_DIR / BUNDLE_FILE).exists():
        made = {model.runtime for model in read_bundle(folder).models}
        if made >= set(runtimes):
            return
    tasks = _tasks(steps)
    config = ExportConfig(runtimes=tuple(runtimes))
    with export_workers(runtimes) as workers, torch.no_grad():
        write_bundle(Exports.as_they_are(*tasks), config, folder / BUNDLE_DIR, workers, progress)


def plant(pinned: Path, slower: Path, planted: Path, runtime: Runtime, kind: ModelKind) -> None:
    """The pinned bundle in a new folder, with the slower files of one kind in one runtime."""
    bundle, other = read_bundle(pinned), read_bundle(slower)
    copy_bundle(bundle, pinned, planted)
    taken = {
        model.path: model
        for model in other.models
        if (model.runtime, model.kind) == (runtime, kind)
    }
    for path in taken:
        link(slower / BUNDLE_DIR / path, planted / BUNDLE_DIR / path)
    models = tuple(taken.get(model.path, model) for model in bundle.models)
    bundle.model_copy(update={"models": models}).write(planted / BUNDLE_DIR / BUNDLE_FILE)


def _tasks(steps: int) -> tuple[TwoForms, ...]:
    torch.manual_seed(0)
    step = nn.Linear(WIDTH, WIDTH, bias=False)
    with torch.no_grad():
        step.weight.copy_(torch.eye(WIDTH))
    example = torch.randn(1, WIDTH)
    data = TaskData((example,), None, wrong_class_percent)
    networks = {name: Steps(step, steps, nn.Linear(WIDTH, CLASSES)).eval() for name in TASKS}
    return tuple(
        TwoForms(name, network, network, (example,), data) for name, network in networks.items()
    )
