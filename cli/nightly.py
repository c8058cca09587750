"""`deploy nightly`: measure every night, and say what became slower."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from taskzip.cli import options
from taskzip.cli.terminal import err, out, terminal_progress
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES
from taskzip.contracts.nightly import NightlyConfig, load_nightly


def nightly(
    config_file: Annotated[Path, typer.Argument(help="TOML file of subjects and devices.")],
    night: Annotated[
        str | None,
        typer.Option(
            help="What the night is called; the same name goes on with it.",
            show_default="the date, UTC",
        ),
    ] = None,
    history: options.HistoryPlace = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure subjects beside pinned references; end with 1 when one became slower or larger."""
    config = load_nightly(config_file)
    night = _night(night)
    if dry_run:
        _show_plan(config, night, as_json)
        return
    from taskzip.benchmarks.history.store import open_history
    from taskzip.benchmarks.nightly.night import Night, check_night
    from taskzip.benchmarks.nightly.words import headline, job_line, moved_name, moved_words
    from taskzip.benchmarks.nightly.workshop import OwnWorkshop

    with terminal_progress() as progress, open_history(history or config.history) as opened:
        result = Night(night, config, opened, OwnWorkshop(progress), progress).run()
    if as_json:
        out.print_json(result.model_dump_json())
    else:
        out.print(headline(result), style="bold", highlight=False, markup=False)
        for job in result.jobs:
            out.print(job_line(job), highlight=False, markup=False)
            for moved in job.moved:
                line = f"  {moved_name(moved)}: {moved_words(moved)}"
                out.print(line, highlight=False, markup=False)
    err.print(f"Written: {config.folder / night}", highlight=False, soft_wrap=True)
    check_night(result)


def _night(name: str | None) -> str:
    from taskzip.benchmarks.nightly.jobs import GOOD_DIR

    name = name or datetime.now(UTC).date().isoformat()
    if "/" in name or name.startswith("."):
        raise BadInput(f"--night {name}: it names a folder; give it without / and leading dot")
    if name == GOOD_DIR:
        raise BadInput(f"--night {name}: that folder holds the last good files; give another name")
    return name


def _show_plan(config: NightlyConfig, night: str, as_json: bool) -> None:
    from taskzip.benchmarks.nightly.jobs import jobs_of

    jobs = jobs_of(config, night)
    if as_json:
        data = [
            {
                "subject": job.name,
                "device": job.device_name,
                "folder": str(job.folder),
                "reference": str(job.subject.reference),
            }
            for job in jobs
        ]
        out.print_json(json.dumps({"night": night, "jobs": data}))
        return
    bench = config.bench
    cells = len(bench.deployments) * len(bench.caches) * len(bench.packed_caches)
    out.print(
        f"night {night}: {len(jobs)} jobs of {cells} cells for each of "
        f"{', '.join(r for r in RUNTIMES if r in config.runtimes)}, into {config.folder}",
        highlight=False,
    )
    for job in jobs:
        source = job.subject.config or job.subject.bundle
        out.print(f"{job.title}: {source} beside {job.subject.reference}", highlight=False)
