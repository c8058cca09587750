"""Where the stages put what they make, below the output folder."""

from pathlib import Path
from typing import Literal

from taskzip.contracts.names import ModelKind, Runtime

SUFFIXES: dict[Runtime, str] = {"executorch": ".pte", "litert": ".tflite"}


def zip_result(out_dir: Path) -> Path:
    """What zipping did: the contract ZipResult."""
    return out_dir / "zip.json"


def comparison(out_dir: Path) -> Path:
    """What every method gave: the contract ZipComparison."""
    return out_dir / "compare.json"


def sweep(out_dir: Path) -> Path:
    """Size against error: the contract ZipSweep."""
    return out_dir / "sweep.json"


def sweep_plot(out_dir: Path) -> Path:
    """The same as a drawing."""
    return out_dir / "sweep.svg"


def zip_folder(out_dir: Path) -> Path:
    """The joint network and the plan that made it."""
    return out_dir / "zip"


def zip_files(out_dir: Path) -> list[Path]:
    """What is in that folder to stay; checkpoints begin with a dot."""
    return [path for path in zip_folder(out_dir).iterdir() if not path.name.startswith(".")]


def checkpoints(out_dir: Path, verb: Literal["zip", "compare", "sweep"]) -> Path:
    """The finished steps of a command, while it runs or after it was interrupted."""
    return zip_folder(out_dir) / f".{verb}-steps"


def retrain_checkpoint(out_dir: Path) -> Path:
    """Where retraining stands, while it runs."""
    return zip_folder(out_dir) / ".retrain.safetensors"


def plan(out_dir: Path) -> Path:
    """Which channels became one."""
    return zip_folder(out_dir) / "plan.json"


def resolved_config(out_dir: Path) -> Path:
    """The config with every default filled in."""
    return out_dir / "config.json"


def bundle_folder(out_dir: Path) -> Path:
    """What the harness pushes."""
    return out_dir / "bundle"


def ledger(out_dir: Path) -> Path:
    """What the bundle's model files hold: the contract Ledger."""
    return out_dir / "ledger.json"


def stamp(out_dir: Path, stage: str) -> Path:
    """What a stage read and wrote."""
    return out_dir / ".stamps" / f"{stage}.json"


def model_path(runtime: Runtime, kind: ModelKind, task: str) -> str:
    """A model file's path below the bundle's folder: separate files are called as their task."""
    stem = task if kind == "separate" else kind
    return f"{runtime}/{stem}{SUFFIXES[runtime]}"
