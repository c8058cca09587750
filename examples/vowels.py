"""Who speaks: utterances of nine men (Japanese Vowels), 270 for training and 370 for the test."""

from collections.abc import Iterator

import numpy as np
import torch
from data_files import fetch
from task_data import Labelled, TaskData
from vowels_files import FILES, VOWELS, read_series

FRAMES = 29
"""Of the longest utterance."""


def load(part: str) -> Labelled:
    """Signals (n, 12, 29), normalised, silent (0) after their end, and labels (n,)."""
    folder = fetch(VOWELS)
    frames = np.concatenate(read_series(folder / FILES["train"])[0], axis=1)
    mean, deviation = frames.mean(axis=1), frames.std(axis=1)
    series, labels = read_series(folder / FILES[part])
    signals = np.zeros((len(series), len(mean), FRAMES), dtype=np.float32)
    for signal, recorded in zip(signals, series, strict=True):
        signal[:, : recorded.shape[1]] = (recorded - mean[:, None]) / deviation[:, None]
    return torch.from_numpy(signals), torch.from_numpy(labels)


SPEAKERS = TaskData("japanese-vowels", load)


def speakers_calibration() -> Iterator[torch.Tensor]:
    """The 270 training utterances without labels: batches (n, 12, 29)."""
    return SPEAKERS.calibration()


def speakers_evaluation() -> Iterator[Labelled]:
    """The 370 test utterances: batches (n, 12, 29) and (n,)."""
    return SPEAKERS.evaluation()
