"""Starting the runner on this computer and reading what it says."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from taskzip.contracts.events import EVENT, Event, Failure
from taskzip.contracts.runspec import RunSpec
from taskzip.device.runner.package import RunnerPackage

EventType = TypeVar("EventType", bound=Event)
RUN_LIMIT_SECONDS = 60


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


def run_spec(package: RunnerPackage, folder: Path, spec: RunSpec) -> Ran:
    """Run a spec in a working folder."""
    return run_text(package, folder, spec.model_dump_json())


def run_changed(package: RunnerPackage, folder: Path, spec: RunSpec, **changes: Any) -> Ran:
    """Run a spec with values that the contract would not let through."""
    return run_text(package, folder, json.dumps({**spec.as_json_data(), **changes}))


def run_text(package: RunnerPackage, folder: Path, text: str) -> Ran:
    """Run whatever stands in the spec's file."""
    (folder / "spec.json").write_text(text)
    return run_words(package, folder, ["spec.json"])


def run_words(package: RunnerPackage, folder: Path, words: Sequence[str]) -> Ran:
    """Run the runner with these arguments."""
    done = subprocess.run(
        [*package.command(str(package.folder)), *words],
        cwd=folder,
        capture_output=True,
        timeout=RUN_LIMIT_SECONDS,
        check=False,
    )
    events = tuple(EVENT.validate_json(line) for line in done.stdout.splitlines())
    return Ran(done.returncode, events)
