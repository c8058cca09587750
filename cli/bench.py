"""`deploy bench`: measure a bundle on a device."""

from taskzip.cli import options
from taskzip.cli.outcome import show_measured
from taskzip.cli.terminal import terminal_progress
from taskzip.device.lock import LOCK_WAIT_S


def bench_bundle(
    folder: options.ResultFolder,
    device: options.DeviceName = None,
    profile: options.ProfileName = None,
    clock: options.ClockName = None,
    wait: options.Wait = LOCK_WAIT_S,
    workload: options.WorkloadName = None,
    keep_pushed: options.KeepPushed = None,
    resume: options.Resume = False,
    record: options.RecordFile = None,
    check: options.Check = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure the bundle in FOLDER on a device and write the report there."""
    from taskzip.benchmarks.measure import Place, measure

    bench, on = options.measured_with(folder, device, profile, clock)
    bench = options.with_workload(bench, workload)
    place = Place.of(on, bench, keep_pushed, wait).recorded_in(record)
    with terminal_progress() as progress:
        report = measure(folder, bench, place, progress, resume=resume)
    show_measured(report, folder, as_json, check)
