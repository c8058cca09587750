"""`deploy report`: show again what was measured, pack it, or make it again from what was packed."""

from pathlib import Path
from typing import Annotated

import typer

from taskzip.cli import options
from taskzip.cli.outcome import show_measured
from taskzip.cli.terminal import err
from taskzip.contracts.errors import BadInput, CheckFailed


def show_report(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder that was measured in, or an archive that --bundle wrote."),
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle",
            metavar="OUT.zip",
            help="Pack records, conditions, manifest, seeds and report; print the hash of it all.",
        ),
    ] = None,
    check: options.Check = False,
    as_json: options.AsJson = False,
) -> None:
    """Make the report of FOLDER again from its raw records and show it."""
    from taskzip.benchmarks.evidence import pack
    from taskzip.benchmarks.measure import report_on

    if folder.suffix == ".zip":
        if bundle:
            raise BadInput(f"{folder} is packed already: --bundle takes a folder")
        _show_packed(folder, as_json, check)
        return
    report = report_on(folder)
    if bundle:
        _say(f"Packed: {bundle}, evidence sha256 {pack(folder, bundle)}")
    show_measured(report, folder, as_json, check)


def _show_packed(archive: Path, as_json: bool, check: bool) -> None:
    """Make the packed report again; CheckFailed when it is not the same, byte for byte."""
    from taskzip.benchmarks.evidence import changed_files, changed_versions, unpacked
    from taskzip.benchmarks.measure import report_on

    with unpacked(archive) as (folder, evidence, sha256):
        report = report_on(folder)
        changed = changed_files(folder, evidence)
    if changed:
        versions = "; ".join(changed_versions(evidence)) or "all versions are the same"
        raise CheckFailed(f"{archive}: made again, {', '.join(changed)} differs ({versions})")
    _say(f"Made again, the same bytes: {archive}, evidence sha256 {sha256}")
    show_measured(report, None, as_json, check)


def _say(text: str) -> None:
    err.print(text, highlight=False, soft_wrap=True)
