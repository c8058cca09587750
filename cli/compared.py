"""How a comparison of zips is shown."""

from rich.table import Table

from taskzip.benchmarks.units import signed
from taskzip.cli.terminal import out
from taskzip.contracts.zipcomparison import ComparedZip, ZipComparison


def show_comparison(comparison: ZipComparison) -> None:
    """A row per way, the least mean increase first; what could not zip below."""
    tasks = [task.name for task in comparison.zips[0].tasks] if comparison.zips else []
    table = Table(title="joint test error in percent", title_justify="left")
    for name in ("method", "refit"):
        table.add_column(name)
    for name in (*tasks, "mean change", "output error", "size", "seconds"):
        table.add_column(name, justify="right")
    for each in sorted(comparison.zips, key=_rank):
        table.add_row(each.method, "yes" if each.refit else "no", *_numbers(each))
    out.print(table)
    for title, why in comparison.left_out.items():
        out.print(f"{title}: {why}", highlight=False)


def _rank(each: ComparedZip) -> float:
    if each.mean_increase_points is None:
        return sum(each.output_error.values())
    return each.mean_increase_points


def _numbers(each: ComparedZip) -> tuple[str, ...]:
    errors = (task.error_percent for task in each.tasks)
    change = each.mean_increase_points
    return (
        *(f"{error.joint:.2f}" if error else "–" for error in errors),
        "–" if change is None else signed(change),
        f"{sum(each.output_error.values()) / len(each.output_error):.4f}",
        f"{each.size_ratio:.3f}",
        f"{each.seconds:.1f}",
    )
