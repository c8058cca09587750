"""The experiment's journal in its folder: `records.jsonl`, and `session.json` that dates it.

Records are appended as they come. A run counts once its `done` is there; what an interruption
left of a run is taken out when the experiment resumes.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from taskzip.benchmarks.plan import Plan, PlannedRun
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import Document, write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Done, Hello
from taskzip.contracts.names import Sha256
from taskzip.contracts.record import Record

RECORDS_FILE = "records.jsonl"
SESSION_FILE = "session.json"
OUTPUTS_DIR = "outputs"

_MAY_DIFFER = {"started_at", "battery_percent", "temperature_millicelsius", "serial", "host"}


class Session(Document):
    """What the records beside it belong to."""

    format: Literal[1] = 1
    plan_sha256: Sha256
    conditions: Conditions


class Journal:
    """Appends records to a folder and knows which runs of a plan are still to do."""

    def __init__(self, folder: Path, remaining: tuple[PlannedRun, ...]) -> None:
        self.folder = folder
        self.remaining = remaining

    @classmethod
    def start(cls, folder: Path, plan: Plan, conditions: Conditions) -> Self:
        """A new journal; an older one in the folder is replaced."""
        (folder / RECORDS_FILE).unlink(missing_ok=True)
        session = Session(plan_sha256=plan.sha256, conditions=conditions)
        session.write(folder / SESSION_FILE)
        return cls(folder, plan.runs)

    @classmethod
    def resume(cls, folder: Path, plan: Plan, conditions: Conditions) -> Self:
        """The journal in the folder, cut back to its finished runs; a new one if there is none.

        BadInput when it belongs to another plan, or was taken under other conditions.
        """
        if not (folder / SESSION_FILE).exists():
            return cls.start(folder, plan, conditions)
        _refuse_other(Session.read(folder / SESSION_FILE), plan, conditions, folder)
        kept = finished(read_records(folder))
        write_atomically(folder / RECORDS_FILE, "".join(map(_line, kept)).encode())
        done = {record.run for record in kept}
        return cls(folder, tuple(run for run in plan.runs if run.spec.run not in done))

    def append(self, records: Iterable[Record]) -> None:
        """Add a run's records; they are on the disk when this returns."""
        with (self.folder / RECORDS_FILE).open("a", encoding="utf-8") as file:
            file.writelines(map(_line, records))
            file.flush()
            os.fsync(file.fileno())


def count_finished(folder: Path, plan: Plan) -> tuple[int, int]:
    """How many runs of the plan an unfinished measurement in the folder has, and how many there
    are; (0, …) when there is none, or it is finished, or it belongs to another plan."""
    total = len(plan.runs)
    with suppress(BadInput):
        if read_session(folder).plan_sha256 == plan.sha256:
            done = len({record.run for record in finished(read_records(folder))})
            return (0 if done == total else done), total
    return 0, total


def read_records(folder: Path) -> list[Record]:
    """All whole records of the folder's journal; BadInput when it is missing or does not fit.

    A last line without its end is what an interruption left, and is passed over.
    """
    path = folder / RECORDS_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error})") from error
    whole = (line for line in lines if line.endswith("\n"))
    return [Record.parse(line, f"{path}:{n}") for n, line in enumerate(whole, start=1)]


def read_session(folder: Path) -> Session:
    """What the folder's records belong to; BadInput when nothing was measured there."""
    return Session.read(folder / SESSION_FILE)


def finished(records: Iterable[Record]) -> list[Record]:
    """The records of the runs that ended well."""
    kept = list(records)
    done = {record.run for record in kept if isinstance(record.event, Done)}
    return [record for record in kept if record.run in done]


def differences(one: Conditions, other: Conditions) -> list[str]:
    """The conditions in which numbers of the two may not be compared, as `field: a, b`."""
    return [
        f"{name}: {getattr(one, name)}, {getattr(other, name)}"
        for name in differing_fields(one, other)
    ]


def differing_fields(one: Conditions, other: Conditions) -> list[str]:
    """The names of the conditions in which numbers of the two may not be compared."""
    return [
        name
        for name in Conditions.model_fields
        if name not in _MAY_DIFFER and getattr(one, name) != getattr(other, name)
    ]


def with_versions(conditions: Conditions, records: Sequence[Record]) -> Conditions:
    """The conditions with the versions that the runs themselves reported."""
    hellos = [record.event for record in records if isinstance(record.event, Hello)]
    if not hellos:
        return conditions
    versions = {hello.runtime: hello.runtime_version for hello in hellos}
    return conditions.model_copy(
        update={
            "runner_version": conditions.runner_version or hellos[-1].runner_version,
            "runtime_versions": {**versions, **conditions.runtime_versions},
        }
    )


def _refuse_other(session: Session, plan: Plan, conditions: Conditions, folder: Path) -> None:
    if session.plan_sha256 != plan.sha256:
        raise BadInput(
            f"{folder / RECORDS_FILE} belongs to another plan (bundle or [bench] changed); "
            "measure anew without --resume"
        )
    differing = differences(session.conditions, conditions)
    if differing:
        raise BadInput(
            f"{folder / RECORDS_FILE} was taken under other conditions ({'; '.join(differing)}); "
            "measure anew without --resume"
        )


def _line(record: Record) -> str:
    return record.model_dump_json() + "\n"
