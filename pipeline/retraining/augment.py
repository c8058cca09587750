"""Inputs that are in no data set: images moved, inputs mixed; the original network answers them."""

from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from taskzip.contracts.errors import BadInput
from taskzip.contracts.retraining import RetrainConfig

_IMAGE_DIMENSIONS = 4
Labels = torch.Tensor | None


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

    def __call__(
        self, inputs: torch.Tensor, generator: torch.Generator, labels: Labels = None
    ) -> tuple[torch.Tensor, Labels]:
        """(n, …) → (n, …), and the labels that go with them, chances (n, classes)."""
        if self.shift_pixels:
            inputs = _shifted(inputs, self.shift_pixels, generator)
        if not self.mixup:
            return inputs, labels
        mix = _Mix.drawn(len(inputs), self.mixup, generator)
        return mix.of(inputs), None if labels is None else mix.of(labels)


def _shifted(images: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """All by the same steps, down and right or up and left; edges are repeated. (n, c, h, w)."""
    height, width = images.shape[2:]
    top, left = torch.randint(0, 2 * most + 1, (2,), generator=generator).tolist()
    padded = pad(images, (most,) * 4, mode="replicate")
    return padded[:, :, top : top + height, left : left + width]


@dataclass(frozen=True)
class _Mix:
    """λ x + (1 − λ) x' with another input x' of the batch (Zhang et al., ICLR 2018)."""

    share: torch.Tensor
    """λ (n,)."""
    others: torch.Tensor
    """(n,) which one x' is."""

    @classmethod
    def drawn(cls, count: int, fraction: float, generator: torch.Generator) -> "_Mix":
        """λ uniform (their α = 1) for about that fraction of the inputs, 1 for the others."""
        share = torch.rand(count, generator=generator)
        share[torch.rand(count, generator=generator) >= fraction] = 1.0
        return cls(share, torch.randperm(count, generator=generator))

    def of(self, values: torch.Tensor) -> torch.Tensor:
        """(n, …) → (n, …)."""
        share = self.share.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
        return share * values + (1 - share) * values[self.others]
