"""`deploy device`: start, stop, list the emulated devices; a shell on any device."""

import json
import sys
from typing import Annotated

import typer
from pydantic import TypeAdapter

from taskzip.cli.options import AsJson, ClockName, DeviceName, ProfileName
from taskzip.cli.terminal import err, out, terminal_progress
from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.errors import BadInput

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
    from taskzip.device.select import profile_of
    from taskzip.device.virtual import machine
    from taskzip.device.virtual.profile import labelled

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
    from taskzip.cli.devices import profile_table
    from taskzip.device.virtual.profiles import list_profiles, user_profiles

    known = list_profiles(user_profiles())
    if as_json:
        out.print_json(json.dumps({name: each.as_json_data() for name, each in known.items()}))
        return
    out.print(profile_table(known.values()))
    err.print(f"Your own: {user_profiles()}", highlight=False, soft_wrap=True)


@app.command()
def stop(
    serial: Annotated[str | None, typer.Argument(show_default="all of them")] = None,
) -> None:
    """Stop emulated devices."""
    from taskzip.device.virtual import machine

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
    """List phones and emulated devices, and what each can measure."""
    from taskzip.cli.devices import device_table
    from taskzip.device.inventory import Listed, list_devices
    from taskzip.device.select import list_targets

    devices = list(list_devices(list_targets()))
    if as_json:
        out.print_json(TypeAdapter(list[Listed]).dump_json(devices).decode())
        return
    out.print(
        device_table(devices)
        if devices
        else "no device; `deploy device start` starts an emulated one"
    )


@app.command(context_settings={"ignore_unknown_options": True})
def shell(
    command: Annotated[
        list[str] | None, typer.Argument(show_default="each line of the input")
    ] = None,
    device: DeviceName = None,
) -> None:
    """Run a command on a device and end with its exit code."""
    from taskzip.device.select import open_device, profile_of, resolve

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
