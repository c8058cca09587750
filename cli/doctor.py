"""`deploy doctor`: what is missing on this machine, or how well a device measures."""

import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Annotated

import typer
from rich.table import Table

from taskzip.cli.options import AsJson, Wait
from taskzip.cli.terminal import out, terminal_progress
from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.errors import CheckFailed, TaskzipError
from taskzip.contracts.paths import cache_dir
from taskzip.device.lock import LOCK_WAIT_S

CheckedDevice = Annotated[
    str | None,
    typer.Option("--device", help="auto, virtual, a serial, or HOST:PORT.", show_default="none"),
]


@dataclass(frozen=True)
class Finding:
    """One thing that some verb needs; `remedy` is empty where it is there."""

    what: str
    needed_for: str
    remedy: str


_MODULES = (
    ("torch", "zip", "zip, export"),
    ("safetensors", "zip", "zip, export"),
    ("torchvision", "torchvision", "networks by torchvision's names"),
    ("timm", "timm", "networks by timm's names"),
    ("keras", "keras", "networks from .keras and .h5 files"),
    ("executorch", "executorch", "export for ExecuTorch"),
    ("litert_torch", "litert", "export for LiteRT"),
    ("ai_edge_litert", "litert", "export for LiteRT"),
    ("cmake", "runner", "building the runner"),
    ("ninja", "runner", "building the runner"),
    ("uv", "runner", "building the runner"),
    ("matplotlib", "report", "report"),
    ("jinja2", "report", "report"),
)
_PROGRAMS = ("qemu-system-aarch64", "mke2fs", "apt-get", "dpkg-deb")


def doctor(device: CheckedDevice = None, wait: Wait = LOCK_WAIT_S, as_json: AsJson = False) -> None:
    """Say what is missing on this machine and how to get it; ends with 1 if something is.

    With --device look instead, for about a minute, at whether that device measures well.
    """
    if device:
        _check_device(device, wait, as_json)
        return
    findings = examine()
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in findings]))
    else:
        _show(findings)
    missing = [finding.what for finding in findings if finding.remedy]
    if missing:
        raise CheckFailed(f"missing: {', '.join(missing)}")


def _check_device(device: str, wait_s: float, as_json: bool) -> None:
    from taskzip.cli.devices import check_table
    from taskzip.device.checkup import check_up
    from taskzip.device.select import open_device, profile_of, resolve

    target = resolve(device, profile_of(DeviceConfig()))
    with terminal_progress() as progress, open_device(target, progress) as transport:
        checks = check_up(transport, target.setting, progress, wait_s)
    if as_json:
        out.print_json(json.dumps([asdict(check) for check in checks]))
    else:
        out.print(check_table(checks))
    bad = [check.what for check in checks if check.verdict == "bad"]
    if bad:
        raise CheckFailed(f"{device} does not measure well: {', '.join(bad)}")


def examine() -> tuple[Finding, ...]:
    """Everything that the verbs need, found or not."""
    modules = (
        Finding(name, use, "" if find_spec(name) else f"pip install 'taskzip[{extra}]'")
        for name, extra, use in _MODULES
    )
    programs = (Finding(name, "the emulated device", _program(name)) for name in _PROGRAMS)
    compiler = Finding("C++ cross compiler", "building the runner", _compiler())
    return (*modules, *programs, compiler, Finding("phones on USB", "measuring on them", _usb()))


def _usb() -> str:
    from taskzip.device.transport.usb import look_at_bus

    closed = look_at_bus().closed
    if not closed:
        return ""
    return (
        f"{closed} attached that this user may not open: sudo apt-get install "
        f"android-sdk-platform-tools-common, join the group plugdev, attach anew"
    )


def _program(name: str) -> str:
    from taskzip.device.virtual.programs import find_program

    try:
        find_program(name)
    except TaskzipError as error:
        return str(error)
    return ""


def _compiler() -> str:
    from taskzip.device.runner.compile import require_compiler
    from taskzip.device.runner.target import toolchain

    try:
        require_compiler(toolchain("aarch64"))
    except TaskzipError as error:
        return str(error)
    return ""


def _show(findings: tuple[Finding, ...]) -> None:
    table = Table("", "what", "needed for", "how to get it")
    for finding in findings:
        mark = "[red]missing[/]" if finding.remedy else "[green]there[/]"
        table.add_row(mark, finding.what, finding.needed_for, finding.remedy)
    out.print(table)
    typer.echo(f"cache folder: {cache_dir()}")
