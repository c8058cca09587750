"""`deploy clean`: remove everything of ours from a device."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from taskzip.cli import options
from taskzip.cli.terminal import out as stdout
from taskzip.cli.terminal import terminal_progress
from taskzip.contracts.progress import Progress
from taskzip.device.lock import LOCK_WAIT_S

if TYPE_CHECKING:
    from taskzip.device.sweep import Remains


def clean_devices(
    device: options.DeviceName = None,
    wait: options.Wait = LOCK_WAIT_S,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Remove what taskzip left on a device: the bundle, the runner, and what runs wrote.

    Without --device: from the phone that is attached, or all emulated devices that run.
    """
    with terminal_progress() as progress:
        cleaned = list(_clean_each(device, wait, dry_run, progress))
    if as_json:
        stdout.print_json(json.dumps([asdict(remains) for remains in cleaned]))
        return
    for remains in cleaned:
        _show(remains, dry_run)
    if not cleaned:
        stdout.print("no phone is attached and no emulated device runs")


def _clean_each(
    device: str | None, wait_s: float, dry_run: bool, progress: Progress
) -> "Iterator[Remains]":
    from taskzip.device.select import attached_targets, connect
    from taskzip.device.sweep import find_remains, sweep

    for target in attached_targets(device):
        with closing(connect(target, progress)) as transport:
            if dry_run:
                yield find_remains(transport)
            else:
                yield sweep(transport, progress, wait_s)


def _show(remains: "Remains", dry_run: bool) -> None:
    did = "would remove" if dry_run else "removed"
    for file in remains.files:
        stdout.print(f"  {remains.folder}/{file}", highlight=False, markup=False, soft_wrap=True)
    stdout.print(
        f"{remains.serial}: {did} {len(remains.files)} files, {remains.bytes:,} bytes",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
