"""A zip that is interrupted anywhere goes on after its last step and ends with the same bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.zipper import Aids, Zipped, survey, zip_scene
from taskzip.pipeline.zipper.checkpoint import Checkpoints

made = UserFolder(Path(__file__).parents[1]).module("families").made

GOES_ON = "zipping goes on after {} of {} steps"
HEADERS = 4096
"""Bytes of names and numbers beside the tensors, a step and task."""


class Watching(Silent):
    """Keeps what is said; says Ctrl-C when a bar has moved on `stop` times.

    A step moves it on once for each task, and once more when it is finished and kept.
    """

    def __init__(self, stop: int = -1) -> None:
        self.lines: list[str] = []
        self._left = stop

    def step(self, text: str) -> None:
        """Keep the line."""
        self.lines.append(text)

    def advance(self, bar: int, units: int = 1) -> None:
        """Count what is done."""
        self._left -= units > 0
        if self._left == 0:
            raise KeyboardInterrupt

    @property
    def on(self) -> list[str]:
        """The lines that tell of a checkpoint."""
        return [line for line in self.lines if "going on" in line or "goes on" in line]


@dataclass
class Case:
    """Networks, settings and data of a zip that can be run again and again."""

    networks: list[nn.Module]
    config: ZipConfig
    shape: tuple[int, ...] = (2, 9, 9)
    seed: int = 0
    inputs: dict[str, str] = field(default_factory=lambda: {"[zip]": "1"})
    raise_at: int = -1
    """The batch, counted over all passes and tasks, that cannot be read."""
    read: int = 0

    def __post_init__(self) -> None:
        self.scene = survey(self.tasks(), self.config, Silent())
        self.read = 0

    def tasks(self) -> list[Task]:
        return [self._task(index, each) for index, each in enumerate(self.networks)]

    def _task(self, index: int, network: nn.Module) -> Task:
        generator = torch.Generator().manual_seed(self.seed + index)
        data = [torch.randn(10, *self.shape, generator=generator) for _ in range(3)]

        def batches() -> Iterator[torch.Tensor]:
            for batch in data:
                self.read += 1
                if self.read == self.raise_at:
                    raise BadInput("the disk is gone")
                yield batch

        return Task(f"t{index}", network.eval(), batches)

    def zip(self, folder: Path | None = None, progress: Watching | None = None) -> Zipped:
        """The result; with a folder its steps are kept there."""
        progress = progress or Watching()
        if folder is None:
            return zip_scene(self.scene, self.config, progress)
        kept = Checkpoints(folder, self.inputs, progress)
        watched = replace(self.scene, tasks=kept.watched(self.tasks()))
        return zip_scene(watched, self.config, progress, Aids(checkpoints=kept))

    def stop(self, folder: Path, after: int) -> None:
        """Interrupt it after some steps."""
        with pytest.raises(KeyboardInterrupt):
            self.zip(folder, Watching(after * (len(self.networks) + 1)))


def case(family: str = "residual", tasks: int = 3, **config: object) -> Case:
    settings = ZipConfig.model_validate({"reconstruct_steps": 4, "share": 0.6, **config})
    make = plain if family == "plain" else partial(made, family)
    return Case([make(seed) for seed in range(1, tasks + 1)], settings)


def plain(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(150, 8), nn.ReLU(), nn.Linear(8, 3))


def pruned() -> Case:
    networks = [plain(seed) for seed in (1, 2, 3)]
    for network in networks:
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.data[parameter.abs() < parameter.abs().median()] = 0
    return Case(networks, ZipConfig(reconstruct_steps=4))


def bytes_of(zipped: Zipped, folder: Path) -> list[bytes]:
    zipped.joint.save(folder)
    zipped.plan.write(folder / "plan.json")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


CASES: dict[str, Callable[[], Case]] = {
    "plain": lambda: case("plain"),
    "residual, all shared": lambda: case("residual", share=1.0),
    "residual, in part": lambda: case("residual"),
    "depthwise, scaled": lambda: case("depthwise", affine="all"),
    "concatenated": lambda: case("concatenated", tasks=2),
    "recurrent": lambda: case("recurrent", tasks=2),
    "nothing shared": lambda: case("plain", share=0),
    "transformer": lambda: case("transformer", tasks=2, share=1.0),
    "by correlation": lambda: case("residual", method="zipit"),
    "by chance, not refitted": lambda: case("residual", method="random"),
    "pruned": pruned,
    "with entries of their own": lambda: case("plain", tasks=2, method="hybrid"),
}
QUICK = ("plain", "pruned", "concatenated")
"""The others take minutes in all."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in CASES],
)
def test_interrupted_after_any_step_it_ends_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    it = CASES[name]()
    whole = Watching()
    expected = bytes_of(it.zip(tmp_path / "whole steps", whole), tmp_path / "whole")
    assert whole.on == []
    count = len(list((tmp_path / "whole steps").glob("*/*.safetensors")))
    assert count > 1
    for stop in range(1, count + 1):
        folder, again = tmp_path / f"steps {stop}", Watching()
        it.stop(folder, stop)
        result = bytes_of(it.zip(folder, again), tmp_path / f"result {stop}")
        assert again.on == [GOES_ON.format(stop, count)]
        assert result == expected, f"interrupted after {stop} of {count} steps"
    assert bytes_of(it.zip(), tmp_path / "without checkpoints") == expected


def test_interrupted_again_and_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    it = case()
    expected = bytes_of(it.zip(), tmp_path / "whole")
    interruptions = 0
    while True:
        try:
            result = it.zip(tmp_path / "steps", Watching(6))
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions > 2
    assert bytes_of(result, tmp_path / "result") == expected


def test_data_that_fail_while_it_goes_on_cost_no_finished_step(tmp_path: Path) -> None:
    it, folder = case("plain", tasks=2), tmp_path / "steps"
    expected = bytes_of(it.zip(), tmp_path / "whole")
    it.stop(folder, 2)
    told = 0
    for batch in range(1, 14, 3):
        it.read, it.raise_at, said = 0, batch, Watching()
        try:
            it.zip(folder, said)
        except BadInput:
            told += "2 steps are kept; the same command goes on after them" in said.lines
    it.raise_at = -1
    result = it.zip(folder)
    assert told > 0
    assert bytes_of(result, tmp_path / "result") == expected


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"inputs": {"[zip]": "2"}}, "[zip] changed", marks=pytest.mark.slow),
        pytest.param(
            {"seed": 9},
            "data of t0 changed; data of t1 changed; data of t2 changed",
            marks=pytest.mark.slow,
        ),
        ({"networks": [made("residual", seed) for seed in (1, 2, 4)]}, "network of t2 changed"),
    ],
)
def test_steps_of_something_else_are_not_used_and_it_says_why(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    before = case()
    other = replace(before, **changed)
    before.stop(tmp_path / "steps", 2)
    again = Watching()
    result = bytes_of(other.zip(tmp_path / "steps", again), tmp_path / "result")
    assert again.on == [f"not going on from the checkpoint: {said}"]
    assert result == bytes_of(other.zip(), tmp_path / "whole")


@pytest.mark.parametrize("content", [b"", b"no step", None])
def test_a_step_that_cannot_be_read_is_taken_again(tmp_path: Path, content: bytes | None) -> None:
    it, again = case(), Watching()
    expected = bytes_of(it.zip(), tmp_path / "whole")
    it.stop(tmp_path / "steps", 4)
    second = next((tmp_path / "steps").glob("*/0001.safetensors"))
    if content is None:
        second.unlink()
    else:
        second.write_bytes(content)
    result = bytes_of(it.zip(tmp_path / "steps", again), tmp_path / "result")
    assert again.on[0].startswith("zipping goes on after 1 of ")
    assert result == expected


def test_each_step_writes_only_what_it_added(tmp_path: Path) -> None:
    it = case("plain")
    zipped = it.zip(tmp_path / "steps")
    files = list((tmp_path / "steps").glob("*/*.safetensors"))
    weights = sum(each.numel() for each in zipped.joint.state_dict().values()) * 4
    orders = 16 * sum(sum(group.of.values()) for group in zipped.plan.groups)
    written = sum(file.stat().st_size for file in files)
    assert weights < written < weights + orders + HEADERS * len(files) * len(it.networks)


def test_finished_steps_of_every_zip_that_a_budget_takes_are_kept(tmp_path: Path) -> None:
    it = case(tasks=2, max_size_ratio=0.7)
    expected = bytes_of(it.zip(), tmp_path / "whole")
    survey = 6
    it.stop(tmp_path / "steps", survey + 2)
    again = Watching()
    assert bytes_of(it.zip(tmp_path / "steps", again), tmp_path / "result") == expected
    assert len(again.on) == 2, "the survey, and the zip within the budget"
