"""Trains the joint network a little after zipping; see docs/zipping.md."""

from taskzip.pipeline.retraining.retrain import Lessons, Retrained, retrain

__all__ = ["Lessons", "Retrained", "retrain"]
