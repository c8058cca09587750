"""`deploy push`: put a bundle and the runner on a device."""

from taskzip.cli import options
from taskzip.cli.outcome import show_pushed
from taskzip.cli.terminal import out as stdout
from taskzip.cli.terminal import terminal_progress
from taskzip.device.lock import LOCK_WAIT_S


def push_bundle(
    folder: options.ResultFolder,
    device: options.DeviceName = None,
    profile: options.ProfileName = None,
    clock: options.ClockName = None,
    wait: options.Wait = LOCK_WAIT_S,
    verify: options.Verify = False,
    as_json: options.AsJson = False,
) -> None:
    """Push a bundle and the runner, skipping what is there, and leave them for `deploy bench`."""
    from taskzip.benchmarks.measure import Place, push

    bench, on = options.measured_with(folder, device, profile, clock)
    place = Place.of(on, bench, keep_pushed=True, wait_s=wait)
    with terminal_progress() as progress:
        pushed = push(folder, place, progress, verify=verify)
    if as_json:
        stdout.print_json(pushed.model_dump_json())
    else:
        show_pushed(pushed)
