"""Trains the joint network a little after zipping; see docs/zipping.md."""

from taskzip.pipeline.retraining.retrain import Retrained, retrain

__all__ = ["Retrained", "retrain"]
