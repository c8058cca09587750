"""`--dry-run`: what would be done."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from taskzip.cli.terminal import out as stdout
from taskzip.contracts.config import Config
from taskzip.contracts.names import Clock
from taskzip.contracts.zipresult import ZippedLayer

if TYPE_CHECKING:
    from taskzip.pipeline.zipper.memory import MemoryBound

MIB = 1024**2


def show_zip_plan(config: Config, folder: Path, out: Path, as_json: bool) -> None:
    """Which channels would be shared, and which stages would run."""
    from taskzip.pipeline.preview import preview

    plan = preview(config, folder, out)
    if as_json:
        stdout.print_json(json.dumps(plan.as_json_data()))
        return
    stdout.print(_layers(plan.layers))
    stdout.print(f"shared channels, heads aside: {plan.shared_percent:.0f} %", highlight=False)
    for note in plan.notes:
        stdout.print(f"note: {note}", highlight=False)
    _show_memory(plan.memory)
    for stage, reasons in (("zip", plan.zip_runs), ("export", plan.export_runs)):
        stdout.print(f"{stage}: {'; '.join(reasons) or 'nothing changed'}", highlight=False)
    stdout.print(f"files would be written to {out}: {', '.join(plan.files)}", highlight=False)


def show_measure_plan(config: Config, out: Path, clock: Clock) -> None:
    """How many runs would measure how many cells, where."""
    bench = config.bench
    cells = (
        len(config.export.runtimes)
        * len(bench.deployments)
        * len(bench.caches)
        * len(bench.packed_caches)
    )
    stdout.print(
        f"then: push {out / 'bundle'} to {config.device.device}, measure {cells} cells "
        f"({', '.join(bench.deployments)}), {bench.switches} switches each, {clock} clock",
        highlight=False,
    )


def _show_memory(bound: "MemoryBound") -> None:
    parts = {
        "weights": bound.weights_bytes,
        "activations": bound.activations_bytes,
        f"second moments of {bound.layer}": bound.moments_bytes,
        "solving it": bound.solver_bytes,
    }
    said = ", ".join(f"{what} {size / MIB:,.0f}" for what, size in parts.items())
    stdout.print(
        f"memory of the zip: at most {bound.total_bytes / MIB:,.0f} MiB beyond Python and torch "
        f"({said})",
        highlight=False,
    )


def _layers(layers: tuple[ZippedLayer, ...]) -> Table:
    tasks = list(dict.fromkeys(task for layer in layers for task in layer.of))
    table = Table("layer", title="channels", title_justify="left")
    for name in ("shared", *tasks):
        table.add_column(name, justify="right")
    for layer in layers:
        table.add_row(
            layer.name, str(layer.shared), *(str(layer.of.get(task, "–")) for task in tasks)
        )
    return table
