"""`deploy doctor`: what is missing on this machine, and how to get it."""

import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec

import typer
from rich.table import Table

from taskzip.cli.options import AsJson
from taskzip.cli.terminal import out
from taskzip.contracts.errors import CheckFailed, TaskzipError
from taskzip.contracts.paths import cache_dir
from taskzip.device.runner.compile import require_compiler
from taskzip.device.runner.target import toolchain
from taskzip.device.virtual.programs import find_program


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


def doctor(as_json: AsJson = False) -> None:
    """Say what is missing on this machine and how to get it; ends with 1 if something is."""
    findings = examine()
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in findings]))
    else:
        _show(findings)
    missing = [finding.what for finding in findings if finding.remedy]
    if missing:
        raise CheckFailed(f"missing: {', '.join(missing)}")


def examine() -> tuple[Finding, ...]:
    """Everything that the verbs need, found or not."""
    modules = (
        Finding(name, use, "" if find_spec(name) else f"pip install 'taskzip[{extra}]'")
        for name, extra, use in _MODULES
    )
    programs = (Finding(name, "the emulated device", _program(name)) for name in _PROGRAMS)
    return (*modules, *programs, Finding("C++ cross compiler", "building the runner", _compiler()))


def _program(name: str) -> str:
    try:
        find_program(name)
    except TaskzipError as error:
        return str(error)
    return ""


def _compiler() -> str:
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
