"""Starting the runner on this computer and reading what it says."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from taskzip.contracts.events import EVENT, Event, Failure, Output
from taskzip.contracts.runspec import RunSpec
from taskzip.device.runner.package import RunnerPackage
from tests.device.runner.small_models import SmallModels, floats

EventType = TypeVar("EventType", bound=Event)
RUN_LIMIT_SECONDS = 60
TOLERANCE = 1e-5
"""Float32 sums of some hundred terms in another order than torch's."""


@dataclass(frozen=True)
class Ran:
    """A run that ended; every line that it wrote is a valid event."""

    exit_code: int
    events: tuple[Event, ...]

    def of(self, kind: type[EventType]) -> list[EventType]:
        """The events of a kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failure(self) -> Failure:
        """The last event, which must be a failure."""
        last = self.events[-1]
        assert isinstance(last, Failure), last
        return last


@dataclass(frozen=True)
class Bench:
    """The runner for this computer in a working folder that holds the small models."""

    package: RunnerPackage
    models: SmallModels
    folder: Path
    limits: tuple[str, ...] = ()
    """Words before the command, which start it with less than the computer has."""

    def run(self, spec: RunSpec, **changes: Any) -> Ran:
        """Run a spec, with values of `changes` that the contract would not let through."""
        return self.run_text(json.dumps({**spec.as_json_data(), **changes}))

    def check_joint_answers(
        self, ran: Ran, tasks: Sequence[str], tolerance: float = TOLERANCE
    ) -> None:
        """Each task answered once, in order, as torch does with the joint network."""
        outputs = ran.of(Output)
        assert [output.task for output in outputs] == list(tasks), ran.events
        for output in outputs:
            expected = self.models.expected("joint", output.task)
            content = (self.folder / output.file).read_bytes()
            assert floats(content) == pytest.approx(expected, abs=tolerance)

    def run_text(self, text: str) -> Ran:
        """Run whatever stands in the spec's file."""
        (self.folder / "spec.json").write_text(text)
        return self.run_words("spec.json")

    def run_words(self, *words: str) -> Ran:
        """Run the runner with these arguments."""
        done = subprocess.run(
            [*self.limits, *self.package.command(str(self.package.folder)), *words],
            cwd=self.folder,
            capture_output=True,
            timeout=RUN_LIMIT_SECONDS,
            check=False,
        )
        events = tuple(EVENT.validate_json(line) for line in done.stdout.splitlines())
        return Ran(done.returncode, events)
