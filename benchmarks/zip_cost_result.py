"""What zipping cost, as a document and as a table."""

from rich.table import Table

from taskzip.contracts.document import Document
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.names import Bytes, Count

GB = 1_000_000_000


class Limits(Document):
    """What a zip may cost; None: whatever."""

    ratio: float | None = None
    """Of the whole zip to the passes that no method can avoid."""
    peak_rss_bytes: Bytes | None = None
    seconds: float | None = None


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


def check(cost: ZipCost, limits: Limits) -> None:
    """CheckFailed unless all limits hold."""
    missed = []
    if limits.ratio is not None and cost.ratio > limits.ratio:
        missed.append(f"the zip took {cost.ratio:.2f} × the passes, more than {limits.ratio:g} ×")
    if limits.peak_rss_bytes is not None and cost.peak_rss_bytes > limits.peak_rss_bytes:
        peak, most = cost.peak_rss_bytes / GB, limits.peak_rss_bytes / GB
        missed.append(f"its peak RSS was {peak:.2f} GB, more than {most:g} GB")
    if limits.seconds is not None and cost.zip_seconds > limits.seconds:
        missed.append(f"it took {cost.zip_seconds:.1f} s, more than {limits.seconds:g} s")
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
    table.add_row("peak RSS", f"{cost.peak_rss_bytes / GB:.2f} GB", "")
    table.add_row("size", f"{cost.size_ratio:.3f}", "of two networks")
    for task in cost.tasks:
        if task.output_error is not None:
            label = f"{task.name}: relative error of outputs"
            table.add_row(label, f"{task.output_error:.4f}", f"zipped with {task.images} images")
    before, after = cost.load_average
    table.add_row("load average", f"{before:.1f}, {after:.1f}", f"{cost.threads} threads")
    return table
