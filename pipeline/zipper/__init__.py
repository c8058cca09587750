"""Zips the networks of several tasks into one; see docs/zipping.md."""

from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.zip import Zipped, decide, layers, survey, zip_scene, zip_tasks

__all__ = ["JointNetwork", "Zipped", "decide", "layers", "survey", "zip_scene", "zip_tasks"]
