"""Nights of a recipe on the emulated device, in which exporter or zipper went wrong."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskzip.benchmarks.history.store import open_history
from taskzip.benchmarks.nightly.night import Night, check_measured
from taskzip.benchmarks.nightly.workshop import OwnWorkshop
from taskzip.benchmarks.planted_nights.nights import BENCH
from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.nightly import NightlyConfig, NightResult, Subject
from taskzip.contracts.progress import Silent
from taskzip.device.virtual.state import RunningMachine
from tests.benchmarks.conftest import lay_out_small_project
from tests.benchmarks.nightly.conftest import PAST_NIGHTS, repeat_night

pytestmark = [pytest.mark.device, pytest.mark.slow, pytest.mark.timeout(1800)]

HISTORY = "history.sqlite"
FORM = "blocked"
"""Of layers that tasks share in part, which then cost an inference something."""


@dataclass(frozen=True)
class Recipe:
    """A project that is zipped and exported every night."""

    folder: Path
    serial: str

    @property
    def config(self) -> Path:
        """The recipe."""
        return self.folder / "project.toml"

    @property
    def pinned(self) -> Path:
        """What the recipe made once."""
        return self.folder / "pinned"

    def say(self, export: str = "", zipped: str = "") -> None:
        """The recipe with further lines."""
        export = f'[export]\nruntimes = ["executorch"]\nform = "{FORM}"\n{export}\n'
        tasks = (self.folder / "tasks.toml").read_text(encoding="utf-8")
        self.config.write_text(f"{tasks}\n{export}[zip]\n{zipped}\n", encoding="utf-8")

    def run(self, night: str) -> NightResult:
        """A night after the good ones, each in a history of its own."""
        history = self.folder / f"{night}.sqlite"
        if (self.folder / HISTORY).exists():
            shutil.copyfile(self.folder / HISTORY, history)
        config = NightlyConfig(
            folder=self.folder / "nights",
            runtimes=("executorch",),
            bench=BENCH,
            subjects={"small": Subject(config=self.config, reference=self.pinned)},
            devices={"emulated": DeviceConfig(device=self.serial)},
        )
        with open_history(str(history)) as opened:
            result = Night(night, config, opened, OwnWorkshop(Silent()), Silent()).run()
        check_measured(result)
        return result


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, virtual_machine: RunningMachine) -> Recipe:
    """Good nights behind it: one that was run, and others like it."""
    folder = lay_out_small_project(tmp_path_factory.mktemp("recipe"))
    (folder / "project.toml").rename(folder / "tasks.toml")
    recipe = Recipe(folder, virtual_machine.serial)
    recipe.say()
    OwnWorkshop(Silent()).build(recipe.config, recipe.pinned)
    shutil.copytree(recipe.pinned, folder / "nights" / "first" / "small.emulated" / "built")
    recipe.run("first")
    with open_history(str(folder / "first.sqlite")) as opened:
        repeat_night(opened, PAST_NIGHTS)
    (folder / "first.sqlite").rename(folder / HISTORY)
    return recipe


def rows_and_causes(result: NightResult) -> set[tuple[str, tuple[str, ...]]]:
    """Of everything that became worse."""
    return {(moved.series.deployment, moved.causes) for moved in result.worse}


def test_an_exporter_that_lost_its_kernels_is_named(recipe: Recipe) -> None:
    recipe.say(export='delegate = "none"')
    result = recipe.run("exporter")
    assert rows_and_causes(result) == {("joint", ("exporter",)), ("separate-swap", ("exporter",))}
    for moved in result.worse:
        assert "of the last good zip, exported again tonight" in moved.evidence[1]


def test_a_zipper_that_shares_less_is_named_and_only_joint_files_suffer(recipe: Recipe) -> None:
    recipe.say(zipped="share = 0.5")
    result = recipe.run("zipper")
    assert rows_and_causes(result) == {("joint", ("zipper",))}
    for moved in result.worse:
        assert moved.evidence[1] == "0.00 % of the last good zip, exported again tonight"
        assert moved.evidence[2] == "[zip] changed"
