"""`deploy nightly`: what is measured every night, and what came of it."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.document import Document, validated
from taskzip.contracts.errors import BadInput
from taskzip.contracts.history import Series, SubjectName
from taskzip.contracts.names import RUNTIMES, Runtime

RESULT_FILE = "nightly.json"

Cause = Literal["networks", "zipper", "exporter", "runtime", "runner", "os", "device", "unknown"]
Status = Literal["measured", "failed", "not reached"]


class Subject(Document):
    """What may become slower, and the pinned bundle that it is measured beside."""

    config: Path | None = None
    """The TOML file of `deploy zip-and-push`: zipped and exported anew every night."""
    bundle: Path | None = None
    """Or a folder that `deploy export` wrote, and that somebody else renews."""
    reference: Path
    """A folder that `deploy export` wrote once and nobody touches any more."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.config is None) == (self.bundle is None):
            raise ValueError('give either config = "FILE.toml" or bundle = "FOLDER"')
        return self


class NightlyConfig(Document):
    """The whole file: every subject is measured on every device."""

    history: str | None = None
    """A file or URL; None: the user's own."""
    folder: Path = Path("nights")
    """Where each night has a folder."""
    budget_minutes: Annotated[float, Field(gt=0)] | None = None
    """No job is begun after so long."""
    least_percent: Annotated[float, Field(gt=0, lt=100)] = 0.5
    """Changes up to this are nobody's business."""
    runtimes: tuple[Runtime, ...] = RUNTIMES
    bench: BenchConfig = BenchConfig()
    subjects: Annotated[dict[SubjectName, Subject], Field(min_length=1)]
    devices: Annotated[dict[SubjectName, DeviceConfig], Field(min_length=1)]


def load_nightly(path: Path) -> NightlyConfig:
    """The config in a TOML file, its paths made absolute; BadInput says what is wrong and where."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: config cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not TOML: {error}") from error
    config = validated(NightlyConfig, raw, str(path))
    return _below(path.resolve().parent, config)


def _below(folder: Path, config: NightlyConfig) -> NightlyConfig:
    subjects = {
        name: subject.model_copy(
            update={
                key: folder / value
                for key in ("config", "bundle", "reference")
                if (value := getattr(subject, key)) is not None
            }
        )
        for name, subject in config.subjects.items()
    }
    history = config.history
    if history is not None and "://" not in history:
        history = str(folder / history)
    return config.model_copy(
        update={"subjects": subjects, "folder": folder / config.folder, "history": history}
    )


class Moved(Document):
    """A figure that became another, shown by the night's first session and by those after it."""

    series: Series
    ratio: float
    """To its level before; of a candidate relative to the reference."""
    p: Annotated[float, Field(ge=0, le=1)]
    """Of the first session, or of the change of the level, if nothing had changed."""
    since_nights: Annotated[int, Field(ge=1)]
    """1: since tonight."""
    causes: tuple[Cause, ...]
    evidence: tuple[str, ...]
    """What the causes were named by."""

    @property
    def is_worse(self) -> bool:
        """Whether it is slower or larger."""
        return self.ratio > 1


class JobResult(Document):
    """A subject on a device."""

    subject: SubjectName
    device: SubjectName
    status: Status
    message: str | None = None
    """Why it was not measured."""
    is_transient: bool = False
    """Whether the device, not the subject, was at fault."""
    seconds: float = 0
    judged: int = 0
    """Figures with nights enough behind them."""
    learning: int = 0
    """Figures without."""
    measured_again: int = 0
    moved: tuple[Moved, ...] = ()


class NightResult(Document):
    """`nightly.json`."""

    format: Literal[1] = 1
    night: str
    jobs: tuple[JobResult, ...]

    @property
    def worse(self) -> tuple[Moved, ...]:
        """Every figure that is slower or larger."""
        return tuple(moved for job in self.jobs for moved in job.moved if moved.is_worse)
