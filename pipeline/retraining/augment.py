"""Inputs that are in no data set: images moved, inputs mixed; the original network answers them."""

from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from taskzip.contracts.config import RetrainConfig
from taskzip.contracts.errors import BadInput

_IMAGE_DIMENSIONS = 4


@dataclass(frozen=True)
class Augment:
    """Changes a batch as the config asks; the same for the same generator."""

    mixup: float
    shift_pixels: int

    @classmethod
    def of(cls, config: RetrainConfig) -> "Augment | None":
        """None where the config asks for nothing."""
        wanted = config.mixup > 0 or config.shift_pixels > 0
        return cls(config.mixup, config.shift_pixels) if wanted else None

    def check(self, task: str, inputs: torch.Tensor) -> None:
        """BadInput where inputs like these (n, …) cannot be changed so."""
        if not inputs.is_floating_point():
            raise BadInput(
                f"task {task}: inputs of type {inputs.dtype} can be neither mixed nor moved; "
                "leave retrain.mixup and retrain.shift_pixels at 0"
            )
        if self.shift_pixels and inputs.dim() != _IMAGE_DIMENSIONS:
            raise BadInput(
                f"task {task}: inputs of shape {tuple(inputs.shape)} are no images, which are "
                "(n, channels, height, width); leave retrain.shift_pixels at 0"
            )

    def __call__(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(n, …) → (n, …)."""
        if self.shift_pixels:
            inputs = _shifted(inputs, self.shift_pixels, generator)
        return _mixed(inputs, self.mixup, generator) if self.mixup else inputs


def _shifted(images: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """All by the same steps, down and right or up and left; edges are repeated. (n, c, h, w)."""
    height, width = images.shape[2:]
    top, left = torch.randint(0, 2 * most + 1, (2,), generator=generator).tolist()
    padded = pad(images, (most,) * 4, mode="replicate")
    return padded[:, :, top : top + height, left : left + width]


def _mixed(inputs: torch.Tensor, fraction: float, generator: torch.Generator) -> torch.Tensor:
    """λ x + (1 − λ) x' with another input x' of the batch, λ uniform (Zhang et al., ICLR 2018,
    with α = 1), for about that fraction of the inputs.
    """
    count = len(inputs)
    share = torch.rand(count, generator=generator)
    share[torch.rand(count, generator=generator) >= fraction] = 1.0
    share = share.to(inputs.dtype).view(count, *[1] * (inputs.dim() - 1))
    others = inputs[torch.randperm(count, generator=generator)]
    return share * inputs + (1 - share) * others
