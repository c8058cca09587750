"""What became of the nights, and how it is shown."""

from rich.table import Table

from taskzip.benchmarks.compare.session import TIMED
from taskzip.benchmarks.nightly.words import moved_name
from taskzip.benchmarks.units import format_change
from taskzip.contracts.document import Document
from taskzip.contracts.names import Count, Deployment, Runtime
from taskzip.contracts.nightly import Moved, NightResult


class PlantedRow(Document):
    """The night in which a row's files took a step more."""

    runtime: Runtime
    deployment: Deployment
    named: tuple[Moved, ...]
    """Figures of that row that were said to have changed."""
    elsewhere: tuple[Moved, ...]
    """Those of other rows, and of the pinned reference."""

    @classmethod
    def of(cls, night: NightResult, runtime: Runtime, deployment: Deployment) -> "PlantedRow":
        """The row's night."""
        moved = [each for job in night.jobs for each in job.moved]
        own = [
            each
            for each in moved
            if (each.series.runtime, each.series.deployment) == (runtime, deployment)
            and each.series.role == "candidate"
        ]
        return cls(
            runtime=runtime,
            deployment=deployment,
            named=tuple(own),
            elsewhere=tuple(each for each in moved if each not in own),
        )

    @property
    def is_found(self) -> bool:
        """Whether a time of the row was called slower, and nothing was said of another row."""
        slower = (each for each in self.named if each.is_worse)
        return any(each.series.metric in TIMED for each in slower) and not self.elsewhere


class PlantedNights(Document):
    """The document."""

    nights: Count
    """Judged, without a change."""
    false_alarms: tuple[str, ...]
    """The nights of them in which something was said to have changed."""
    rows: tuple[PlantedRow, ...]

    @property
    def are_bars_met(self) -> bool:
        """Whether every slowdown was found the same night, and no night was a false alarm."""
        return not self.false_alarms and all(row.is_found for row in self.rows)


def headline(planted: PlantedNights) -> str:
    """The bars in a line."""
    found = sum(row.is_found for row in planted.rows)
    return (
        f"Emulated device, counted clock: {len(planted.false_alarms)} false alarms in "
        f"{planted.nights} nights; 1 % more work found the same night in {found} of "
        f"{len(planted.rows)} rows"
    )


def render(planted: PlantedNights) -> Table:
    """A line per figure that was named."""
    table = Table("one step more in", "named", "cause")
    table.add_column("change", justify="right")
    for row in planted.rows:
        title = f"{row.runtime} {row.deployment}"
        for each in (*row.named, *row.elsewhere) or (None,):
            table.add_row(title, *_cells(each))
            title = ""
    return table


def _cells(moved: Moved | None) -> tuple[str, str, str]:
    if moved is None:
        return ("nothing", "", "")
    return (moved_name(moved), " or ".join(moved.causes), format_change(moved.ratio))
