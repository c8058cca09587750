"""Steps of a zip on disk, so that what was interrupted goes on and ends with the same bytes.

A folder holds what one command has finished: `inputs.json` says what it was made from, and each zip
that the command runs has a folder of its own with one file a step. Only what a step added is
written.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.pipeline.fingerprint import Digested, key_of
from taskzip.pipeline.graph.graph import Graph
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.stamp import different, hash_data
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.standing import Standing
from taskzip.pipeline.zipper.step_file import read_step, write_step


class _Inputs(Document):
    format: Literal[1] = 1
    inputs: dict[str, str]
    """What it is called in messages → hash or version."""


class Checkpoints:
    """What a command keeps in `folder`; it depends on `inputs` besides networks and data."""

    def __init__(self, folder: Path, inputs: Mapping[str, str], progress: Progress) -> None:
        self._folder = folder
        self._words = dict(inputs)
        self._progress = progress
        self._digests: dict[str, Digested] = {}
        self._is_checked = False
        self.seconds_saved = 0.0
        """What the steps took that were not taken again."""

    def watched(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """The tasks, their calibration data hashed while it is read: these are to be zipped."""
        self._digests = {task.name: Digested(task.calibration) for task in tasks}
        return tuple(replace(task, calibration=self._digests[task.name]) for task in tasks)

    def of(self, scene: Scene, whole: bool = False) -> "Checkpoint":
        """The checkpoint of one zip; one of other inputs is removed, and said to be.

        `whole`: each step is written with all before it, which it may have changed.
        """
        if not self._is_checked and self._folder.exists():
            self._check(scene)
        way = (list(scene.counts), list(scene.limits), scene.config.model_dump(mode="json"))
        return Checkpoint(self, scene, self._folder / hash_data(way)[:16], whole)

    def depend_on(self, what: str, digest: str) -> None:
        """Count something else among what the steps were made from."""
        self._words[what] = digest

    def remove(self) -> None:
        """Forget all: the result is safe, or is not wanted."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def prepare(self, scene: Scene) -> None:
        """Say what all that follows was made from, before the first step is written."""
        if not self._is_checked:
            _Inputs(inputs=self._inputs(scene)).write(self._folder / "inputs.json")
            self._is_checked = True

    def _check(self, scene: Scene) -> None:
        try:
            before = _Inputs.read(self._folder / "inputs.json").inputs
        except BadInput:
            reasons: Sequence[str] = ("it cannot be read",)
        else:
            reasons = [f"{n} changed" for n in different(before, self._inputs(scene))]
        if reasons:
            self._progress.step(f"not going on from the checkpoint: {'; '.join(reasons)}")
            self.remove()
        self._is_checked = not reasons

    def _inputs(self, scene: Scene) -> dict[str, str]:
        return {
            **self._words,
            **{f"weight of {each.name}": str(each.weight) for each in scene.tasks},
            **{f"network of {n}": _hash_graph(each.graph) for n, each in scene.networks.items()},
            **{f"data of {name}": each.digest() for name, each in self._digests.items()},
        }


class Checkpoint:
    """The finished steps of one zip."""

    def __init__(self, all_of: Checkpoints, scene: Scene, folder: Path, whole: bool) -> None:
        self.whole = whole
        self._all = all_of
        self._scene = scene
        self._folder = folder
        self.finished = 0
        """How many steps are on disk."""
        self._written: Standing | None = None
        self._since = time.monotonic()
        self._seconds = 0.0

    def read(self, start: Standing) -> tuple[int, Standing]:
        """How many steps are finished, and how things stand after them; `start` is before all."""
        for index, path in self._paths():
            try:
                new, seconds = read_step(path, self._scene.alignment.steps)
            except BadInput:
                break
            start = new if self.whole else start.then(new)
            self.finished = index + 1
            self._seconds = seconds
            self._all.seconds_saved += seconds
        self._written = start
        return self.finished, start

    def write(self, index: int, standing: Standing) -> None:
        """Add what step `index` did; all before it were read or written."""
        self._all.prepare(self._scene)
        earlier = None if self.whole else self._written
        new = standing if earlier is None else standing.since(earlier)
        now = time.monotonic()
        self._seconds = now - self._since + (self._seconds if self.whole else 0.0)
        before = [path for _, path in self._paths()] if self.whole else []
        write_step(self._path(index), new, self._scene.alignment.steps, self._seconds)
        for path in before:
            if path != self._path(index):
                path.unlink()
        self._written, self._since = standing, now
        self.finished = index + 1

    def _paths(self) -> Iterator[tuple[int, Path]]:
        """The files that follow each other, or the last one alone if each is whole."""
        if self.whole:
            steps = range(len(self._scene.alignment.steps))
            found = [(index, self._path(index)) for index in steps if self._path(index).exists()]
            yield from found[-1:]
            return
        index = 0
        while (path := self._path(index)).exists():
            yield index, path
            index += 1

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:04}.safetensors"


@contextmanager
def telling(checkpoint: Checkpoint | None, progress: Progress) -> Iterator[None]:
    """Says what is kept when the block fails or is interrupted."""
    try:
        yield
    except BaseException:
        if checkpoint is not None and checkpoint.finished:
            progress.step(
                f"{checkpoint.finished} steps are kept; the same command goes on after them"
            )
        raise


def _hash_graph(graph: Graph) -> str:
    layers = graph.layers.items()
    words = [node.model_dump_json() for node in graph.nodes]
    words += [
        f"{node} {each.name} {each.describe()} {each.normalized} {each.parts} {each.columns}"
        for node, each in layers
    ]
    words.append(f"{graph.input} {graph.output}")
    weights = [tensor for _, each in layers for tensor in (each.weight, each.bias)]
    tensors = [each for each in (*weights, *graph.constants.values()) if each is not None]
    return key_of(words, tensors)
