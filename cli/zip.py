"""`deploy zip`: make the joint network."""

from pathlib import Path

from taskzip.cli import options
from taskzip.cli.compared import show_comparison
from taskzip.cli.outcome import show_zip
from taskzip.cli.preview import show_zip_plan
from taskzip.cli.swept import show_sweep
from taskzip.cli.terminal import out as stdout
from taskzip.cli.terminal import terminal_progress
from taskzip.contracts.config import Config, load_config


def zip_networks(
    config_file: options.ConfigFile,
    out: options.OutFolder = None,
    max_bytes: options.MaxBytes = None,
    max_size_ratio: options.MaxSizeRatio = None,
    max_error: options.MaxError = None,
    plan: options.PlanFile = None,
    dry_run: options.DryRun = False,
    compare: options.CompareMethods = False,
    sweep: options.SweepSizes = False,
    resume: options.ResumeZip = True,
    as_json: options.AsJson = False,
) -> None:
    """Zip the networks of a config into one joint network."""
    from taskzip.pipeline.build import zip_stage

    config = options.with_budget(
        load_config(config_file), max_bytes, max_size_ratio, max_error, plan
    )
    folder, out = config_file.resolve().parent, options.out_folder(out, config_file)
    if dry_run:
        show_zip_plan(config, folder, out, as_json)
        return
    if compare:
        _compare(config, folder, out, as_json, fresh=not resume)
        return
    if sweep:
        _sweep(config, folder, out, as_json, fresh=not resume)
        return
    with terminal_progress() as progress:
        result = zip_stage(config, folder, out, progress, fresh=not resume)
    if as_json:
        stdout.print_json(result.model_dump_json())
    else:
        show_zip(result)


def _compare(config: Config, folder: Path, out: Path, as_json: bool, *, fresh: bool) -> None:
    from taskzip.pipeline.compare import compare

    with terminal_progress() as progress:
        comparison = compare(config, folder, out, progress, fresh=fresh)
    if as_json:
        stdout.print_json(comparison.model_dump_json())
    else:
        show_comparison(comparison)


def _sweep(config: Config, folder: Path, out: Path, as_json: bool, *, fresh: bool) -> None:
    from taskzip.benchmarks.pareto import write_pareto
    from taskzip.pipeline import layout
    from taskzip.pipeline.sweep import sweep

    with terminal_progress() as progress:
        found = sweep(config, folder, out, progress, fresh=fresh)
        write_pareto(found, layout.sweep_plot(out))
        progress.step(f"drawn: {layout.sweep_plot(out)}")
    if as_json:
        stdout.print_json(found.model_dump_json())
    else:
        show_sweep(found)
