"""`deploy inspect`: what model files hold, and what they share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from taskzip.cli.options import AsJson
from taskzip.cli.terminal import out
from taskzip.contracts.ledger import Constant, FileLedger, Ledger
from taskzip.contracts.provenance import Provenance


def inspect_files(
    path: Annotated[
        Path,
        typer.Argument(help="A .pte, .ptd or .tflite, or a bundle's folder.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Say what each constant of PATH takes, who uses it, and what is stored twice."""
    from taskzip.pipeline.inspection.inspect import inspect

    ledger = inspect(path)
    if as_json:
        out.print_json(ledger.model_dump_json())
        return
    out.print(_files(ledger))
    if len(ledger.files) == 1:
        out.print(_constants(ledger.files[0]))
    for file in ledger.files:
        if file.provenance:
            said = _described(file.provenance)
            out.print(f"{file.path}: {said}", highlight=False, soft_wrap=True)


def _files(ledger: Ledger) -> Table:
    table = Table(title="bytes", title_justify="left")
    table.add_column("file")
    for name in ("in all", "program", "shared", "private", "unused", "stored twice"):
        table.add_column(name, justify="right")
    least = ledger.minimum_numbers
    if least:
        table.add_column("constants / least", justify="right")
    for file in ledger.files:
        private = "\n".join(f"{entry} {size:,}" for entry, size in file.private_bytes.items())
        row = (file.shared_bytes, private, file.unused_bytes, file.duplicated_bytes)
        cells = [each if isinstance(each, str) else f"{each:,}" for each in row]
        if least:
            is_joint = len(file.entries) > 1
            cells.append(f"{file.numbers / least:.3f}" if is_joint else "–")
        data = f"\n{file.data_bytes:,} of them in its .ptd" if file.data_bytes else ""
        table.add_row(file.path + data, f"{file.bytes:,}", f"{file.program_bytes:,}", *cells)
    return table


def _described(provenance: Provenance) -> str:
    plan = f"plan {provenance.plan_sha256}" if provenance.plan_sha256 else "no plan"
    makers = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    return f"{', '.join(provenance.tasks)}; {plan}; made by {makers}"


def _constants(file: FileLedger) -> Table:
    table = Table(title="constants", title_justify="left")
    table.add_column("bytes", justify="right")
    for name in ("type", "shape", "used by"):
        table.add_column(name)
    for each in file.constants:
        shape = " × ".join(str(size) for size in each.shape)
        table.add_row(f"{each.bytes:,}", each.dtype, shape, _users(each))
    return table


def _users(constant: Constant) -> str:
    by_operator: dict[str, list[str]] = {}
    for use in constant.uses:
        by_operator.setdefault(use.operator, []).append(use.entry)
    users = [f"{', '.join(entries)}: {operator}" for operator, entries in by_operator.items()]
    return "\n".join(users) or "–"
