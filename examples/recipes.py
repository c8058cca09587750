"""How each network of the examples is trained: its data, factory and settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from cifar_halves import FIRST, LAST
from conv3 import conv3
from idx_tasks import DIGITS, FASHION
from lenet import lenet5, lenet300
from mobilenet import mobilenet
from nine_tasks import TASKS as NINE
from resnet import resnet8, resnet20
from speech import speech
from task_data import TaskData
from torch import nn
from vit import vit
from vowels import SPEAKERS


@dataclass(frozen=True)
class Recipe:
    """A one-cycle rate; images shifted by up to `shift_pixels`, half of them mirrored or none."""

    epochs: int
    batch_images: int = 128
    optimizer: str = "adamw"
    """`adamw`, or `sgd` with Nesterov's momentum of 0.9."""
    peak_rate: float = 3e-3
    weight_decay: float = 5e-2
    shift_pixels: int = 2
    mirror: bool = False
    small_epochs: int = 0
    """The first epochs, which see images of 3/4 of their side and take half the time."""
    seed: int = 0


@dataclass(frozen=True)
class Pruning:
    """The smallest weights of each layer are removed in steps while training goes on."""

    start: str
    """The trained network it starts from."""
    density: Mapping[str, float] = field(default_factory=dict)
    """Layer → fraction of its weights that stay; biases stay."""


@dataclass(frozen=True)
class Training:
    """A network to train and what with."""

    data: TaskData
    network: Callable[[], nn.Module]
    recipe: Recipe
    pruning: Pruning | None = None


LENET300_DENSITY = {"1": 0.07, "3": 0.15, "5": 0.4}
LENET5_DENSITY = {"0": 0.6, "3": 0.15, "7": 0.06, "9": 0.3}


def _lenet300(seed: int) -> Training:
    return Training(DIGITS, lenet300, Recipe(epochs=15, shift_pixels=0, seed=seed))


def _lenet5(seed: int, epochs: int) -> Training:
    return Training(DIGITS, lenet5, Recipe(epochs=epochs, seed=seed))


def _lenet300_pruned(start: str) -> Training:
    return _pruned(lenet300, 10, Pruning(start, LENET300_DENSITY))


def _lenet5_pruned(start: str) -> Training:
    return _pruned(lenet5, 4, Pruning(start, LENET5_DENSITY))


def _pruned(network: Callable[[], nn.Module], epochs: int, pruning: Pruning) -> Training:
    recipe = Recipe(epochs=epochs, peak_rate=1e-3, weight_decay=0.0, shift_pixels=0)
    return Training(DIGITS, network, recipe, pruning)


def _resnet20(data: TaskData) -> Training:
    recipe = Recipe(
        epochs=5,
        small_epochs=3,
        optimizer="sgd",
        peak_rate=0.2,
        weight_decay=5e-4,
        shift_pixels=4,
        mirror=True,
    )
    return Training(data, resnet20, recipe)


def _resnet8(task: str, epochs: int, shift_pixels: int, mirror: bool) -> Training:
    data, classes = NINE[task]
    recipe = Recipe(
        epochs=epochs,
        optimizer="sgd",
        peak_rate=0.2,
        weight_decay=5e-4,
        shift_pixels=shift_pixels,
        mirror=mirror,
    )
    return Training(data, partial(resnet8, classes), recipe)


def _mobilenet(task: str, epochs: int, mirror: bool) -> Training:
    data, classes = NINE[task]
    recipe = Recipe(
        epochs=epochs, peak_rate=1e-2, shift_pixels=1, mirror=mirror, small_epochs=epochs - 1
    )
    return Training(data, partial(mobilenet, classes), recipe)


def _vit(data: TaskData, epochs: int, mirror: bool) -> Training:
    return Training(data, vit, Recipe(epochs=epochs, shift_pixels=1, mirror=mirror))


TRAININGS: dict[str, Training] = {
    "digits": _lenet5(seed=0, epochs=8),
    "fashion": Training(FASHION, lenet5, Recipe(epochs=12, shift_pixels=1, mirror=True)),
    **{f"lenet300_mnist_{seed}": _lenet300(seed) for seed in range(3)},
    **{f"lenet5_mnist_{seed}": _lenet5(seed, epochs=4) for seed in (1, 2)},
    "cifar_first": _resnet20(FIRST),
    "cifar_last": _resnet20(LAST),
    "lenet300_pruned_0": _lenet300_pruned("lenet300_mnist_0"),
    "lenet300_pruned_1": _lenet300_pruned("lenet300_mnist_1"),
    "lenet5_pruned_0": _lenet5_pruned("digits"),
    "lenet5_pruned_1": _lenet5_pruned("lenet5_mnist_1"),
    "conv3_digits": Training(DIGITS, conv3, Recipe(epochs=4, shift_pixels=1)),
    "conv3_fashion": Training(FASHION, conv3, Recipe(epochs=6, shift_pixels=1, mirror=True)),
    "nine_digits": _resnet8("digits", epochs=2, shift_pixels=2, mirror=False),
    "nine_clothing": _resnet8("clothing", epochs=4, shift_pixels=1, mirror=True),
    **{
        f"nine_{task}": _resnet8(task, epochs=8, shift_pixels=4, mirror=True)
        for task in ("vehicles", "wild_animals", "domestic_animals")
    },
    **{
        f"nine_{task}": _resnet8(task, epochs=60, shift_pixels=3, mirror=True)
        for task in ("drawn_animals", "drawn_food", "drawn_places", "drawn_objects")
    },
    "speakers": Training(
        SPEAKERS, speech, Recipe(epochs=60, batch_images=30, peak_rate=1e-3, shift_pixels=0)
    ),
    "mobilenet_digits": _mobilenet("digits", epochs=1, mirror=False),
    "mobilenet_clothing": _mobilenet("clothing", epochs=2, mirror=True),
    "vit_digits": _vit(DIGITS, epochs=3, mirror=False),
    "vit_fashion": _vit(FASHION, epochs=3, mirror=True),
}
