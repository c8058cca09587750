"""`deploy device`: start, stop, list the emulated devices; a shell on any device."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from taskzip.cli.options import AsJson, ClockName, DeviceName, ProfileName
from taskzip.cli.terminal import err, out, terminal_progress
from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.errors import BadInput
from taskzip.device.select import list_devices, open_device, profile_of, resolve
from taskzip.device.virtual import machine
from taskzip.device.virtual.profile import Profile, labelled
from taskzip.device.virtual.profiles import list_profiles, user_profiles

app = typer.Typer(no_args_is_help=True, help="Start, stop and list devices; run commands on one.")
DEFAULTS = DeviceConfig()


@app.command()
def start(
    profile: ProfileName = None,
    clock: ClockName = None,
    memory_mib: Annotated[int | None, typer.Option(min=128)] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="With the real clock.")] = None,
    disk_mib: Annotated[int | None, typer.Option(min=16)] = None,
    flash_read: Annotated[int | None, typer.Option(min=1, help="Bytes per second.")] = None,
    flash_write: Annotated[int | None, typer.Option(min=1, help="Bytes per second.")] = None,
    idle_stop: Annotated[
        int | None, typer.Option(min=1, help="Seconds without a connection.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Equal devices of other labels are other devices.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, show_default="a free one")] = None,
    as_json: AsJson = False,
) -> None:
    """Start an emulated device, or find the one that runs; prints its serial.

    What is not given is as the profile says.
    """
    config = DeviceConfig(
        profile=profile or DEFAULTS.profile,
        memory_mib=memory_mib,
        cpus=cpus,
        disk_mib=disk_mib,
        flash_read_bytes_per_second=flash_read,
        flash_write_bytes_per_second=flash_write,
        idle_stop_seconds=idle_stop,
    )
    wanted = labelled(profile_of(config, clock), label)
    with terminal_progress() as progress:
        running = machine.start(wanted, progress, port)
    out.print(
        json.dumps({"serial": running.serial, "pid": running.pid}) if as_json else running.serial,
        highlight=False,
    )


@app.command()
def profiles(as_json: AsJson = False) -> None:
    """List the profiles of emulated devices."""
    known = list_profiles(user_profiles())
    if as_json:
        out.print_json(json.dumps({name: each.as_json_data() for name, each in known.items()}))
        return
    table = Table("profile", "what it is", "clock", "CPU")
    for name in ("memory", "flash reads", "flash writes"):
        table.add_column(name, justify="right")
    for name, each in known.items():
        table.add_row(name, each.description, *_profile_cells(each.profile))
    out.print(table)
    err.print(f"Your own: {user_profiles()}", highlight=False, soft_wrap=True)


@app.command()
def stop(
    serial: Annotated[str | None, typer.Argument(show_default="all of them")] = None,
) -> None:
    """Stop emulated devices."""
    running = machine.list_running()
    chosen = [one for one in running if serial in (None, one.serial)]
    if serial is not None and not chosen:
        known = ", ".join(one.serial for one in running) or "none"
        raise BadInput(f"no emulated device {serial} runs (running: {known})")
    with terminal_progress() as progress:
        for one in chosen:
            machine.stop(one, progress)
            progress.step(f"stopped {one.serial}")
    if not chosen:
        err.print("no emulated device runs")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List phones and emulated devices."""
    devices = list_devices()
    if as_json:
        out.print_json(json.dumps([asdict(device) for device in devices]))
        return
    table = Table("device", "what it is")
    for device in devices:
        table.add_row(device.name, device.description)
    out.print(table if devices else "no device; `deploy device start` starts an emulated one")


@app.command(context_settings={"ignore_unknown_options": True})
def shell(
    command: Annotated[
        list[str] | None, typer.Argument(show_default="each line of the input")
    ] = None,
    device: DeviceName = None,
) -> None:
    """Run a command on a device and end with its exit code."""
    target = resolve(device or "auto", profile_of(DEFAULTS))
    lines = [command] if command else (["sh", "-c", line] for line in sys.stdin)
    code = 0
    with terminal_progress() as progress, open_device(target, progress) as transport:
        for argv in lines:
            done = transport.shell(argv)
            sys.stdout.buffer.write(done.stdout)
            sys.stdout.flush()
            sys.stderr.write(done.stderr_text)
            code = done.exit_code
    raise typer.Exit(code)


def _profile_cells(profile: Profile) -> tuple[str, ...]:
    return (
        profile.clock,
        f"{profile.vcpus} × {profile.cpu_model}",
        f"{profile.memory_mib} MiB",
        _flash_cell(profile.flash_read_bytes_per_second, profile.flash_read_iops),
        _flash_cell(profile.flash_write_bytes_per_second, profile.flash_write_iops),
    )


def _flash_cell(bytes_per_second: int, iops: int | None) -> str:
    rate = f"{decimal(bytes_per_second)}/s"
    return f"{rate}, {iops:,} IOPS" if iops else rate
