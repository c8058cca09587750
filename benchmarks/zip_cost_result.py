"""What zipping cost, as a document and as a table."""

from rich.table import Table

from taskzip.benchmarks.units import format_mib
from taskzip.contracts.document import Document
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.names import Bytes, Count

MAX_RATIO = 2.0
MAX_PEAK_RSS_BYTES = 8_000_000_000


class TaskCost(Document):
    """One task's passes."""

    name: str
    images: Count
    forward_seconds: float
    """Of the original and the merged network over the calibration data."""
    output_error: float | None
    """E‖joint − separate‖² / E‖separate‖² over evaluation data; None where there is none."""


class ZipCost(Document):
    """What was measured; wall time unless it says otherwise."""

    zip_seconds: float
    zip_cpu_seconds: float
    """Of all threads."""
    forward_seconds: float
    forward_cpu_seconds: float
    peak_rss_bytes: Bytes
    """Of the process from its start to the end of the zip."""
    size_ratio: float
    """Weights of the joint network / all separate ones."""
    threads: Count
    load_average: tuple[float, float]
    """Of the machine over the last minute, before and after: 2 cores are busy with 2."""
    steps: dict[str, float]
    tasks: tuple[TaskCost, ...]

    @property
    def ratio(self) -> float:
        """Of the whole zip to the passes that no method can avoid."""
        return self.zip_seconds / self.forward_seconds

    @property
    def cpu_ratio(self) -> float:
        """The same of processor time, which other work on the machine changes less."""
        return self.zip_cpu_seconds / self.forward_cpu_seconds


def check(cost: ZipCost) -> None:
    """CheckFailed unless both bars hold."""
    missed = []
    if cost.ratio > MAX_RATIO:
        missed.append(f"the zip took {cost.ratio:.2f} × the forward passes; {MAX_RATIO} is the bar")
    if cost.peak_rss_bytes > MAX_PEAK_RSS_BYTES:
        missed.append(
            f"it took {format_mib(cost.peak_rss_bytes)} MiB; "
            f"{format_mib(MAX_PEAK_RSS_BYTES)} MiB is the bar"
        )
    if missed:
        raise CheckFailed("; ".join(missed))


def render(cost: ZipCost) -> Table:
    """A line for each step, then what it comes to."""
    table = Table("step", "seconds", "of the zip")
    for step, seconds in cost.steps.items():
        table.add_row(step, f"{seconds:.1f}", f"{100 * seconds / cost.zip_seconds:.1f} %")
    table.add_section()
    table.add_row("whole zip", f"{cost.zip_seconds:.1f}", f"{cost.zip_cpu_seconds:.1f} s CPU")
    table.add_row(
        "passes that no method avoids",
        f"{cost.forward_seconds:.1f}",
        f"{cost.forward_cpu_seconds:.1f} s CPU",
    )
    table.add_row("ratio", f"{cost.ratio:.2f}", f"{cost.cpu_ratio:.2f} of CPU time")
    table.add_row("peak RSS", f"{cost.peak_rss_bytes / 1e9:.2f} GB", "")
    table.add_row("size", f"{cost.size_ratio:.3f}", "of two networks")
    for task in cost.tasks:
        if task.output_error is not None:
            label = f"{task.name}: relative error of outputs"
            table.add_row(label, f"{task.output_error:.4f}", f"zipped with {task.images} images")
    before, after = cost.load_average
    table.add_row("load average", f"{before:.1f}, {after:.1f}", f"{cost.threads} threads")
    return table
