"""What an interrupted command had finished, and what it depends on."""

from pathlib import Path
from typing import Literal

from taskzip.contracts.config import Config
from taskzip.contracts.progress import Progress
from taskzip.pipeline import layout, stamp
from taskzip.pipeline.zipper.checkpoint import Checkpoints


def checkpoints_of(
    verb: Literal["zip", "compare", "sweep"], config: Config, out_dir: Path, progress: Progress
) -> Checkpoints:
    """The checkpoints of a command below `out_dir`."""
    inputs = {
        "[zip]": stamp.hash_data(config.zip.model_dump(mode="json")),
        "the plan": stamp.ABSENT if config.zip.plan is None else stamp.hash_file(config.zip.plan),
        "taskzip": stamp.own_code(),
        **stamp.installed(stamp.ZIP_PACKAGES),
    }
    return Checkpoints(layout.checkpoints(out_dir, verb), inputs, progress)
