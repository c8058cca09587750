"""Train the two example networks again: `python examples/train.py [digits] [fashion]`.

Writes `weights/<task>.safetensors` and, in `weights/recipe.json`, how each was trained, its
SHA-256 and its test error. The seed is fixed; other machines may round otherwise.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from digits_fashion import load
from idx_files import FASHION_MNIST, MNIST, Dataset
from lenet import lenet5
from rich.progress import track
from safetensors.torch import save_file
from torch import nn

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Recipe:
    """AdamW with a one-cycle rate; images shifted by up to `shift_pixels`, some mirrored."""

    epochs: int
    batch_images: int = 128
    peak_rate: float = 3e-3
    weight_decay: float = 5e-2
    shift_pixels: int = 2
    mirror: bool = False
    seed: int = 0


TASKS: dict[str, tuple[Dataset, Recipe]] = {
    "digits": (MNIST, Recipe(epochs=8)),
    "fashion": (FASHION_MNIST, Recipe(epochs=12, shift_pixels=1, mirror=True)),
}


def train(dataset: Dataset, recipe: Recipe) -> nn.Module:
    """A LeNet-5 trained on the training part of the dataset, in eval mode."""
    torch.manual_seed(recipe.seed)
    images, labels = load(dataset, "train")
    network = lenet5()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
    batches = len(images) // recipe.batch_images
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_rate, total_steps=recipe.epochs * batches
    )
    for _ in track(range(recipe.epochs), description=dataset.name):
        order = torch.randperm(len(images))[: batches * recipe.batch_images]
        for batch in order.split(recipe.batch_images):
            scores = network(_augment(images[batch], recipe))
            loss = nn.functional.cross_entropy(scores, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def test_error_percent(network: nn.Module, dataset: Dataset) -> float:
    """Wrong answers on the test part, in percent."""
    images, labels = load(dataset, "t10k")
    with torch.no_grad():
        answers = torch.cat([network(batch).argmax(1) for batch in images.split(1000)])
    return 100 * (answers != labels).float().mean().item()


def _augment(images: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Shift every image of a batch (n, 1, h, w) by its own offset; mirror half of them."""
    count, _, height, width = images.shape
    reach = recipe.shift_pixels
    padded = nn.functional.pad(images, (reach,) * 4, value=float(images.min()))
    top, left = torch.randint(0, 2 * reach + 1, (2, count))
    rows = top[:, None, None] + torch.arange(height)[None, :, None]
    columns = left[:, None, None] + torch.arange(width)[None, None, :]
    shifted = padded[torch.arange(count)[:, None, None], 0, rows, columns].unsqueeze(1)
    if not recipe.mirror:
        return shifted
    mirrored = torch.randint(0, 2, (count,)).bool()
    return torch.where(mirrored[:, None, None, None], shifted.flip(3), shifted)


def _save(task: str, network: nn.Module, dataset: Dataset, recipe: Recipe) -> None:
    WEIGHTS.mkdir(exist_ok=True)
    path = WEIGHTS / f"{task}.safetensors"
    save_file(network.state_dict(), path)
    entry = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "data": dataset.name,
        "recipe": asdict(recipe),
        "torch": torch.__version__,
        "test_error_percent": round(test_error_percent(network, dataset), 2),
    }
    recipes = WEIGHTS / "recipe.json"
    known = json.loads(recipes.read_text()) if recipes.exists() else {}
    recipes.write_text(json.dumps({**known, task: entry}, indent=2, sort_keys=True) + "\n")


def main(tasks: list[str]) -> None:
    """Train the named tasks, or all."""
    for task in tasks or list(TASKS):
        dataset, recipe = TASKS[task]
        _save(task, train(dataset, recipe), dataset, recipe)


if __name__ == "__main__":
    main(sys.argv[1:])
