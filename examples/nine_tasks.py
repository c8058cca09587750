"""Nine tasks of one input shape, 3 × 32 × 32: digits, clothing, photographs and drawings.

Grey images of 28 × 28 get a black frame and equal colour channels.
"""

from collections.abc import Iterator
from functools import partial

import cifar10
import quickdraw
import torch
from idx_files import FASHION_MNIST, MNIST
from idx_tasks import load as load_idx
from task_data import BATCH_IMAGES, Labelled, TaskData

VEHICLES = ("airplane", "automobile", "ship", "truck")
WILD_ANIMALS = ("bird", "deer", "frog")
DOMESTIC_ANIMALS = ("cat", "dog", "horse")

DRAWN_ANIMALS = (
    *("ant", "bear", "bee", "bird", "butterfly", "camel", "cat", "cow", "crab", "duck"),
    *("elephant", "fish", "giraffe", "kangaroo", "octopus", "owl", "rabbit", "snail", "snake"),
    "spider",
)
DRAWN_FOOD = (
    *("apple", "asparagus", "banana", "birthday cake", "blackberry", "bread", "broccoli", "carrot"),
    *("cookie", "donut", "grapes", "hamburger", "hot dog", "ice cream", "lollipop", "mushroom"),
    *("pear", "pineapple", "pizza", "strawberry"),
)
DRAWN_PLACES = (
    *("The Eiffel Tower", "airplane", "barn", "bicycle", "bridge", "bus", "car", "castle"),
    *("church", "helicopter", "hot air balloon", "house", "lighthouse", "mountain", "sailboat"),
    *("submarine", "tent", "tractor", "train", "windmill"),
)
DRAWN_OBJECTS = (
    *("alarm clock", "book", "broom", "candle", "chair", "cup", "door", "envelope", "eyeglasses"),
    *("fork", "guitar", "hammer", "key", "ladder", "light bulb", "scissors", "spoon", "table"),
    *("television", "umbrella"),
)


def framed(images: torch.Tensor) -> torch.Tensor:
    """Grey images (n, 1, 28, 28) in a frame of their darkest value: (n, 3, 32, 32), a view."""
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), value=float(images.min()))
    return padded.expand(-1, 3, -1, -1)


def _load_idx(part: str, dataset: str) -> Labelled:
    images, labels = load_idx({"mnist": MNIST, "fashion-mnist": FASHION_MNIST}[dataset], part)
    return framed(images), labels


def _load_drawings(part: str, categories: tuple[str, ...]) -> Labelled:
    images, labels = quickdraw.load(part, categories)
    return framed(images), labels


def drawings_training() -> Iterator[torch.Tensor]:
    """Drawings of all 345 categories, which the tasks' networks answer: batches (n, 3, 32, 32)
    without labels. The tasks' own 1,400 drawings each are soon learned by heart.
    """
    tested = DRAWN_ANIMALS + DRAWN_FOOD + DRAWN_PLACES + DRAWN_OBJECTS
    for batch in quickdraw.load_all(tested).split(BATCH_IMAGES):
        yield framed(batch)


def _photographs(name: str, classes: tuple[str, ...]) -> TaskData:
    return TaskData(f"cifar10, {name}", partial(cifar10.load, classes=classes))


def _drawings(name: str, categories: tuple[str, ...]) -> TaskData:
    return TaskData(f"quickdraw, {name}", partial(_load_drawings, categories=categories))


TASKS: dict[str, tuple[TaskData, int]] = {
    "digits": (TaskData("mnist", partial(_load_idx, dataset="mnist")), 10),
    "clothing": (TaskData("fashion-mnist", partial(_load_idx, dataset="fashion-mnist")), 10),
    "vehicles": (_photographs("vehicles", VEHICLES), len(VEHICLES)),
    "wild_animals": (_photographs("wild animals", WILD_ANIMALS), len(WILD_ANIMALS)),
    "domestic_animals": (_photographs("domestic animals", DOMESTIC_ANIMALS), len(DOMESTIC_ANIMALS)),
    "drawn_animals": (_drawings("animals", DRAWN_ANIMALS), len(DRAWN_ANIMALS)),
    "drawn_food": (_drawings("food", DRAWN_FOOD), len(DRAWN_FOOD)),
    "drawn_places": (_drawings("places and vehicles", DRAWN_PLACES), len(DRAWN_PLACES)),
    "drawn_objects": (_drawings("objects", DRAWN_OBJECTS), len(DRAWN_OBJECTS)),
}
"""Name → data and number of classes."""

for _name, (_data, _) in TASKS.items():  # what a config names: `nine_tasks:digits_calibration`
    globals()[f"{_name}_calibration"] = _data.calibration
    globals()[f"{_name}_training"] = _data.training
    globals()[f"{_name}_evaluation"] = _data.evaluation
