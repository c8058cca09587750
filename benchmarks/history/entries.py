"""An entry as a line, its name, and the figures that trends are made of."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from taskzip.benchmarks.compare.session import TIMED, Measured
from taskzip.benchmarks.settings import has_own_memory, pss_above_start_bytes
from taskzip.benchmarks.units import MIB, format_rate
from taskzip.benchmarks.validity import MEMORY_NOT_READ
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.errors import BadInput
from taskzip.contracts.history import Entry
from taskzip.contracts.record import Cell
from taskzip.contracts.report import Row
from taskzip.contracts.sidebyside import ComparedMetric

_BUNDLE_DIR = "bundle"
EMULATED = "emulated"
"""What the name of an emulated device begins with; a phone's does not."""


@dataclass(frozen=True)
class Figure:
    """A median of one cell."""

    cell: Cell
    metric: ComparedMetric
    median: float
    samples: int
    is_valid: bool


def entry_of(
    measured: Measured,
    subject: str,
    *,
    night: str | None = None,
    reference: str | None = None,
    is_reference: bool = False,
) -> Entry:
    """A session as an entry; BadInput when it does not say when it was measured."""
    if measured.conditions.started_at is None:
        raise BadInput(f"{measured.source}: it does not say when it was measured (started_at)")
    bundle = _bundle_of(Path(measured.source))
    return Entry(
        subject=subject,
        role="reference" if is_reference else "candidate",
        reference=reference,
        night=night,
        conditions=measured.conditions,
        bundle_sha256=models_sha256(bundle) if bundle else None,
        versions=bundle.versions if bundle else {},
        rows=tuple(cell.row for cell in measured.cells.values()),
    )


def models_sha256(bundle: Bundle) -> str:
    """Of the model files' names and contents: equal where the device gets the same files."""
    lines = sorted(f"{model.sha256}  {model.path}\n" for model in bundle.models)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def line_of(entry: Entry) -> str:
    """The entry's one spelling: fields that a later version adds do not change it."""
    data = entry.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def name_of(line: str) -> str:
    """SHA-256 of a line."""
    return hashlib.sha256(line.encode()).hexdigest()


def figures_of(rows: Sequence[Row]) -> Iterator[Figure]:
    """Storage, memory where it was read in that row, and times of which there are samples."""
    for row in rows:
        cell = Cell(**{name: getattr(row, name) for name in Cell.model_fields})
        yield Figure(cell, "storage_bytes", row.storage_bytes, 1, is_valid=True)
        memory = pss_above_start_bytes(row) if has_own_memory(row) else None
        if memory is not None:
            yield Figure(cell, "pss_above_start_bytes", memory, 1, is_valid=True)
        is_valid = not set(row.reasons) - {MEMORY_NOT_READ}
        for metric in TIMED:
            samples = getattr(row, metric).samples
            if samples:
                yield Figure(cell, metric, median(samples), len(samples), is_valid)


def measured_at(conditions: Conditions) -> str:
    """When, in UTC, so that texts sort as times; BadInput if it is no time."""
    try:
        when = datetime.fromisoformat(conditions.started_at or "")
    except ValueError as error:
        raise BadInput(f"started_at {conditions.started_at!r} is no ISO 8601 time") from error
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return when.astimezone(UTC).isoformat(timespec="seconds")


def device_name(conditions: Conditions) -> str:
    """What must be the same along a trend; versions may change, that is what trends show."""
    return ", ".join((*_device_parts(conditions), *_asked_parts(conditions)))


def _asked_parts(conditions: Conditions) -> Iterator[str]:
    """What the measurement asked of the device, where it is not the usual."""
    if conditions.workload != "random":
        yield f"{conditions.workload} workload"
    if conditions.lru_k is not None:
        yield f"{conditions.lru_k} files kept loaded"
    if conditions.memory_limit_bytes is not None:
        yield f"limit {conditions.memory_limit_bytes // MIB} MiB"


def _device_parts(conditions: Conditions) -> Iterator[str]:
    if conditions.origin == "phone":
        yield f"phone {conditions.model or 'unknown'} {conditions.serial}"
        return
    yield from (EMULATED, f"{conditions.clock} clock")
    if conditions.memory_bytes is not None:
        yield f"{conditions.memory_bytes // MIB} MiB"
    if conditions.flash_read_bytes_per_second is not None:
        yield f"flash {format_rate(conditions.flash_read_bytes_per_second)}"
    if conditions.flash_read_iops is not None:
        yield f"{conditions.flash_read_iops} IOPS"
    if conditions.cpu_model is not None:
        yield conditions.cpu_model


def _bundle_of(source: Path) -> Bundle | None:
    folder = source if source.is_dir() else source.parent
    manifest = folder / _BUNDLE_DIR / BUNDLE_FILE
    return Bundle.read(manifest) if manifest.is_file() else None
