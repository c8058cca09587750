"""Training a network by its recipe, and pruning it meanwhile."""

from collections.abc import Callable

import torch
from recipes import Pruning, Recipe, Training
from rich.progress import track
from torch import nn

PRUNED_BY = 0.5
"""The part of a training after which the weights to be removed are gone."""


def train(training: Training, name: str, start: dict[str, torch.Tensor] | None = None) -> nn.Module:
    """The network trained on the training part of its data, in eval mode.

    `start` holds the weights that pruning begins with.
    """
    recipe = training.recipe
    torch.manual_seed(recipe.seed)
    images, labels = training.data.load("train")
    network = training.network()
    if start is not None:
        network.load_state_dict(start)
    prune = _pruner(network, training.pruning)
    steps = len(images) // recipe.batch_images
    total = recipe.epochs * steps
    optimizer = _optimizer(network, recipe)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.peak_rate, total_steps=total)
    network.train()
    for epoch in track(range(recipe.epochs), description=name):
        order = torch.randperm(len(images))[: steps * recipe.batch_images]
        for step, batch in enumerate(order.split(recipe.batch_images)):
            seen = shrunk(images[batch]) if epoch < recipe.small_epochs else images[batch]
            scores = network(augment(seen, recipe))
            loss = nn.functional.cross_entropy(scores, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            prune((epoch * steps + step + 1) / total)
    return network.eval()


def test_error_percent(network: nn.Module, training: Training) -> float:
    """Wrong answers on the test part, in percent."""
    images, labels = training.data.load("test")
    with torch.no_grad():
        answers = torch.cat([network(batch).argmax(1) for batch in images.split(1000)])
    return 100 * (answers != labels).float().mean().item()


def shrunk(images: torch.Tensor) -> torch.Tensor:
    """Images (n, c, h, w) at 3/4 of their side."""
    return nn.functional.interpolate(images, scale_factor=0.75, mode="bilinear", antialias=True)


def augment(images: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Shift every image of a batch (n, c, h, w) by its own offset; mirror half of them."""
    count = len(images)
    reach = recipe.shift_pixels
    if reach:
        height, width = images.shape[2:]
        padded = nn.functional.pad(images, (reach,) * 4, value=float(images.min()))
        top, left = torch.randint(0, 2 * reach + 1, (2, count))
        rows = top[:, None, None] + torch.arange(height)[None, :, None]
        columns = left[:, None, None] + torch.arange(width)[None, None, :]
        each = torch.arange(count)[:, None, None]
        images = padded[each, :, rows, columns].permute(0, 3, 1, 2)
    if not recipe.mirror:
        return images
    mirrored = torch.randint(0, 2, (count,)).bool()
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(),
            recipe.peak_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    return torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay, fused=True)


def _pruner(network: nn.Module, pruning: Pruning | None) -> Callable[[float], None]:
    """A function of the finished part of the training, called after each step.

    The density falls as in Zhu and Gupta, To Prune, or Not to Prune, 2017, equation 1.
    """
    densities = {} if pruning is None else pruning.density

    def prune(finished: float) -> None:
        ahead = max(0.0, 1 - finished / PRUNED_BY) ** 3
        for layer, density in densities.items():
            weight = network.get_submodule(layer).weight
            keep_largest(weight.data, density + (1 - density) * ahead)

    return prune


def keep_largest(weight: torch.Tensor, density: float) -> None:
    """Set to zero, in place, all but the given fraction of largest magnitudes."""
    removed = weight.numel() - round(density * weight.numel())
    if removed:
        limit = weight.abs().flatten().kthvalue(removed).values
        weight[weight.abs() <= limit] = 0
