"""`cases.toml` and `cases.jsonl`: the same zips with networks of several seeds, against bars."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from taskzip.contracts.document import Document, validated
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count, Sha256, TaskName, ZipMethod
from taskzip.contracts.zipresult import ZippedTask


class CaseSeed(Document):
    """One repetition of a case."""

    seed: int = 0
    """Of the zip and of retraining."""
    weights: dict[TaskName, Path] = Field(default_factory=dict)
    """Weights other than the config's, below the file's folder."""


class CaseBar(Document):
    """What the mean over a case's seeds must not exceed."""

    retrained: bool
    max_increase_points: float | None = None
    """Of the tasks' mean increase of the error."""
    max_iterations: Count | None = None
    """Of retraining."""
    max_size_of_one: float | None = None
    """Joint weights / those of one network, the tasks' mean."""


class Case(Document):
    """A config, and how it is repeated."""

    name: str
    config: Path
    seeds: Annotated[tuple[CaseSeed, ...], Field(min_length=1)]
    bars: tuple[CaseBar, ...] = ()


class Cases(Document):
    """The whole file."""

    cases: Annotated[tuple[Case, ...], Field(min_length=1)]

    @classmethod
    def load(cls, path: Path) -> "Cases":
        """The cases in a TOML file; BadInput says what is wrong and where."""
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"{path}: cases cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path}: not TOML: {error}") from error
        return validated(cls, raw, str(path))


class CaseZip(Document):
    """One zip of a case: a line of `cases.jsonl`."""

    format: Literal[1] = 1
    made_of: Sha256
    """Of the resolved config and the weights: what the line holds for."""
    case: str
    repetition: Count
    """Which of the case's seeds."""
    method: ZipMethod
    refit: bool
    iterations: Count | None
    """Of retraining; None without."""
    tasks: tuple[ZippedTask, ...]
    increase_points: float | None
    """The tasks' mean increase of the error."""
    size_ratio: float
    """Joint weights / all separate ones."""
    size_of_one: float
    """Joint weights / those of one network, the tasks' mean."""
    seconds: float
    """Of the zip and of retraining on the host."""
