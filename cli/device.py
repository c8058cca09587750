"""`deploy device`: start, stop, list the emulated devices; a shell on any device."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from taskzip.cli.options import AsJson, DeviceName
from taskzip.cli.terminal import err, out, terminal_progress
from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Clock
from taskzip.device.select import list_devices, open_device, profile_of, resolve
from taskzip.device.virtual import machine

app = typer.Typer(no_args_is_help=True, help="Start, stop and list devices; run commands on one.")
DEFAULTS = DeviceConfig()


@app.command()
def start(
    clock: Annotated[Clock, typer.Option(help="Wall time, or executed instructions.")] = "counted",
    memory_mib: Annotated[int, typer.Option(min=128)] = DEFAULTS.memory_mib,
    cpus: Annotated[int, typer.Option(min=1, help="With the real clock.")] = DEFAULTS.cpus,
    disk_mib: Annotated[int, typer.Option(min=16)] = DEFAULTS.disk_mib,
    flash_read: Annotated[
        int, typer.Option(min=1, help="Bytes per second.")
    ] = DEFAULTS.flash_read_bytes_per_second,
    flash_write: Annotated[
        int, typer.Option(min=1, help="Bytes per second.")
    ] = DEFAULTS.flash_write_bytes_per_second,
    idle_stop: Annotated[
        int, typer.Option(min=1, help="Seconds without a connection.")
    ] = DEFAULTS.idle_stop_seconds,
    port: Annotated[int | None, typer.Option(min=1, max=65535, show_default="a free one")] = None,
    as_json: AsJson = False,
) -> None:
    """Start an emulated device, or find the one that runs; prints its serial."""
    config = DeviceConfig(
        memory_mib=memory_mib,
        cpus=cpus,
        disk_mib=disk_mib,
        flash_read_bytes_per_second=flash_read,
        flash_write_bytes_per_second=flash_write,
        idle_stop_seconds=idle_stop,
    )
    with terminal_progress() as progress:
        running = machine.start(profile_of(config, clock), progress, port)
    out.print(
        json.dumps({"serial": running.serial, "pid": running.pid}) if as_json else running.serial,
        highlight=False,
    )


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
    target = resolve(device or "auto", profile_of(DEFAULTS, "counted"))
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
