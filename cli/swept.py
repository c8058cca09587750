"""How a sweep is shown."""

from rich.table import Table

from taskzip.benchmarks.units import signed
from taskzip.cli.terminal import out
from taskzip.contracts.zipsweep import SweepPoint, ZipSweep


def show_sweep(sweep: ZipSweep) -> None:
    """A row per size, the largest first; those that nothing smaller beats are marked."""
    tasks = [task.name for task in sweep.points[0].tasks]
    table = Table(title="joint test error in percent, by size", title_justify="left")
    for name in ("bytes", "size", "predicted", "output error", *tasks, "mean change", "best"):
        table.add_column(name, justify="right")
    for point in sweep.points:
        table.add_row(*_numbers(point))
    out.print(table)


def _numbers(point: SweepPoint) -> tuple[str, ...]:
    errors = (task.error_percent for task in point.tasks)
    change = point.mean_increase_points
    return (
        f"{point.bytes:,}",
        f"{point.size_ratio:.3f}",
        f"{point.predicted_error:.4f}",
        f"{sum(point.output_error.values()) / len(point.output_error):.4f}",
        *(f"{error.joint:.2f}" if error else "–" for error in errors),
        "–" if change is None else signed(change),
        "yes" if point.is_pareto else "",
    )
