"""What an earlier zip left: kept in another folder, told from another zip, exported again."""

import shutil
from pathlib import Path

from taskzip.contracts.bundle import Bundle
from taskzip.contracts.progress import Progress
from taskzip.pipeline import layout, stamp
from taskzip.pipeline.build import Stages


def has_zip(out_dir: Path) -> bool:
    """Whether a finished zip lies in an output folder."""
    return layout.stamp(out_dir, "zip").exists()


def copy_zip(out_dir: Path, target: Path) -> None:
    """What the zip stage left in one output folder, in another; what was there is replaced."""
    shutil.rmtree(layout.zip_folder(target), ignore_errors=True)
    shutil.copytree(layout.zip_folder(out_dir), layout.zip_folder(target))
    shutil.copyfile(layout.zip_result(out_dir), layout.zip_result(target))
    layout.stamp(target, "zip").parent.mkdir(exist_ok=True)
    shutil.copyfile(layout.stamp(out_dir, "zip"), layout.stamp(target, "zip"))


def zip_differences(out_dir: Path, other: Path) -> tuple[str, ...]:
    """What two zips read that was not the same: `[zip]`, `weights of digits`, `data.py`."""
    one, two = (stamp.Stamp.read(layout.stamp(folder, "zip")) for folder in (out_dir, other))
    inputs = stamp.different(one.inputs, two.inputs)
    return (*inputs, *stamp.different(one.sources, two.sources))


def export_again(zipped: Path, stages: Stages, progress: Progress) -> Bundle:
    """The bundle of the zip in `zipped`, however old, as today's exporters make it.

    It lies in the stages' output folder; the separate files are of the networks as they are now.
    """
    copy_zip(zipped, stages.out_dir)
    return stages.export(progress, None, fresh=False)
