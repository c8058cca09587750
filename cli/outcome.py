"""How results are shown."""

from pathlib import Path

from rich.filesize import decimal
from rich.table import Table

from taskzip.benchmarks.units import signed
from taskzip.cli.terminal import err, out
from taskzip.contracts.bundle import Accuracy, Bundle
from taskzip.contracts.report import Pushed, Report
from taskzip.contracts.zipresult import ZipResult


def show_measured(report: Report, folder: Path | None, as_json: bool, check: bool) -> None:
    """The report, and the page in `folder`; CheckFailed when parity, or a bar, does not hold.

    Bars are held with `check` alone.
    """
    from taskzip.benchmarks.checks import check_bars, check_parity
    from taskzip.benchmarks.table import render_report

    if as_json:
        out.print_json(report.model_dump_json())
    else:
        if report.zip:
            show_zip(report.zip)
        out.print(render_report(report))
        if report.pushed:
            show_pushed(report.pushed)
    if folder:
        err.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)
    check_parity(report)
    if check:
        check_bars(report)


def show_zip(result: ZipResult) -> None:
    """Errors before and after, and what is shared."""
    table = Table(title="test error in percent", title_justify="left")
    table.add_column("task")
    for name in ("separate", "joint", "change"):
        table.add_column(name, justify="right")
    for task in result.tasks:
        error = task.error_percent
        numbers = (
            (f"{error.separate:.2f}", f"{error.joint:.2f}", signed(error.joint - error.separate))
            if error
            else ("–", "–", "–")
        )
        table.add_row(task.name, *numbers)
    out.print(table)
    _show_densities(result)
    if result.retrain:
        done = result.retrain
        early = ", stopped early" if done.stopped_early else ""
        layers = f"{done.layer_iterations:,} iterations after layers, " * (
            done.layer_iterations > 0
        )
        out.print(
            f"Retrained: {layers}{done.iterations:,} iterations after the zip{early}, "
            f"{done.seconds:.1f} s.",
            highlight=False,
        )
    for each in result.dead_inputs:
        out.print(
            f"note: {each.task}: {each.layer}: {each.dead:,} of {each.of:,} inputs are 0 in all "
            f"calibration data; damping {each.damping:.3g} stands in for them",
            highlight=False,
        )
    for note in result.notes:
        out.print(f"note: {note}", highlight=False)
    if result.bytes:
        before, after = result.bytes.separate, result.bytes.joint
        out.print(
            f"Weights: {before:,} bytes separate, {after:,} joint ({after / before:.3f}).",
            highlight=False,
        )
    counts = result.parameters
    out.print(
        f"Parameters: {counts.separate:,} separate, {counts.joint:,} joint "
        f"({counts.shared:,} of them shared by all tasks); zipped in {result.cost.seconds:.1f} s.",
        highlight=False,
    )


def _show_densities(result: ZipResult) -> None:
    for task in result.tasks:
        if task.density:
            before, after = task.density.separate, task.density.joint
            out.print(
                f"{task.name}: {before:.1%} of the weights are not zero, {after:.1%} when zipped.",
                highlight=False,
            )


def show_bundle(bundle: Bundle, folder: Path) -> None:
    """The files that were made."""
    table = Table("file", "runtime", "tasks", title=f"{folder / 'bundle'}", title_justify="left")
    table.add_column("bytes", justify="right")
    for model in bundle.models:
        tasks = ", ".join(entry.task for entry in model.entries)
        table.add_row(model.path, model.runtime, tasks, f"{model.bytes:,}")
    out.print(table)
    _show_accuracies(bundle)
    for note in bundle.notes:
        out.print(f"note: {note}", highlight=False)


def _show_accuracies(bundle: Bundle) -> None:
    """What the files' precision costs the tasks, on this machine."""
    table = Table("file", "task", title="error in percent", title_justify="left")
    for name in ("in fp32", "in precision", "samples", "output error"):
        table.add_column(name, justify="right")
    for model in bundle.models:
        for entry in model.entries:
            if entry.accuracy:
                table.columns[3].header = f"in {model.precision}"
                table.add_row(model.path, entry.task, *_accuracy(entry.accuracy))
    if table.row_count:
        out.print(table)


def _accuracy(found: Accuracy) -> tuple[str, str, str, str]:
    output_error = f"{found.output_error:.1e}"
    before, after = found.error_percent_before, found.error_percent
    if before is None or after is None:
        return "–", "–", "–", output_error
    return f"{before:.2f}", f"{after:.2f}", f"{found.evaluated:,}", output_error


def show_pushed(pushed: Pushed) -> None:
    """What went over the wire."""
    rate = f" at {decimal(pushed.bytes_per_second)}/s" if pushed.bytes_per_second else ""
    out.print(
        f"Pushed {pushed.files} files, {pushed.bytes:,} bytes{rate}; "
        f"{pushed.skipped_files} files, {pushed.skipped_bytes:,} bytes were there already.",
        highlight=False,
    )
