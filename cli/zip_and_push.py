"""`deploy zip-and-push`: all of it, from trained networks to the report."""

from taskzip.cli import options
from taskzip.cli.outcome import show_measured
from taskzip.cli.preview import show_measure_plan, show_zip_plan
from taskzip.cli.terminal import terminal_progress
from taskzip.contracts.config import load_config
from taskzip.device.lock import LOCK_WAIT_S


def zip_and_push(
    config_file: options.ConfigFile,
    out: options.OutFolder = None,
    device: options.DeviceName = None,
    profile: options.ProfileName = None,
    clock: options.ClockName = None,
    wait: options.Wait = LOCK_WAIT_S,
    keep_going: options.KeepGoing = False,
    keep_pushed: options.KeepPushed = None,
    resume: options.Resume = False,
    check: options.Check = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Zip the networks, export them, run them on a device, report what switching costs."""
    from taskzip.benchmarks.measure import Place, measure
    from taskzip.pipeline.build import build

    config = options.with_export(load_config(config_file), keep_going)
    config = options.overridden(config, device, profile, clock)
    folder, out = config_file.resolve().parent, options.out_folder(out, config_file)
    place = Place.of(config.device, config.bench, keep_pushed, wait)
    if dry_run:
        show_zip_plan(config, folder, out, as_json)
        if not as_json:
            show_measure_plan(config, out, place.setting.clock)
        return
    with terminal_progress() as progress:
        build(config, folder, out, progress)
        report = measure(out, config.bench, place, progress, resume=resume)
    show_measured(report, out, as_json, check)
