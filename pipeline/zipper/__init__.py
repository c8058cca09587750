"""Zips the networks of several tasks into one; see docs/zipping.md."""

from taskzip.pipeline.zipper.engine import Tune
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.zip import Aids, Zipped, decide, layers, survey, zip_scene, zip_tasks

__all__ = [
    "Aids",
    "JointNetwork",
    "Tune",
    "Zipped",
    "decide",
    "layers",
    "survey",
    "zip_scene",
    "zip_tasks",
]
