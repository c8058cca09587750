"""How a joint network is trained: what it learns, by which loss and which steps."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count, LossName

LEAST_COMPARED = 3
"""Two inputs are alike in one way only."""


class RetrainConfig(Document):
    """How the joint network is trained: while it is zipped, after it, or not at all."""

    iterations: Count = 0
    """After zipping, at most."""
    layer_iterations: Count = 0
    """After each layer that shares something, while those behind it are still each task's own, as
    the MTZ papers do. Each takes one batch of every task and one step with the sum of their
    gradients."""
    target: Literal["outputs", "labels"] = "outputs"
    """What it learns: the originals' outputs for the inputs of each task's `training`, without its
    labels (for the calibration data where there is none), or the labels of `training`."""
    loss: LossName = "divergence"
    """How outputs are compared: as class scores, or as numbers of any kind."""
    mixup: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Fraction of inputs that are mixed with another of their batch; the originals answer them."""
    shift_pixels: Count = 0
    """Images are moved by at most so many, each batch another way; the originals answer them."""
    label_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    """With target "outputs": how much of the loss is that of labels, for tasks whose `training` has
    some and whose outputs are class scores."""
    feature_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """With target "outputs": how much is added of how unlike features are, what the last layers of
    the joint and the original network read: 1 less their linear CKA, by batches."""
    batch_norm: bool = False
    """Whether the scales and shifts that tasks have (`zip.affine`) learn as batch norms."""
    frozen_front: bool = False
    """Whether each task's layers before the first that is shared stay as they are: what they give
    is computed once instead of in each iteration."""
    mixed_precision: bool = False
    """Whether networks compute in bfloat16 while they learn; parameters, losses and steps keep
    float32."""
    temperature: Annotated[float, Field(gt=0)] = 4.0
    """What class scores are divided by before they are compared as probabilities."""
    optimizer: Literal["adam", "sgd"] = "adam"
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """The first step's learning rate."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the rate goes on: by half a cosine to 0, or the same."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD; Adam's β₁."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_size: Annotated[int, Field(ge=1)] = 256
    """Of each task."""
    examples_mib: Annotated[int, Field(ge=1)] = 2048
    """How much of all tasks' data is kept in memory, as much of each; of more, a uniform sample."""
    patience: Count = 0
    """Stop after so many of `iterations` in which no held-out loss was the lowest; 0: never."""
    seed: Count = 0
    """Of the order of the data."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 10.0
    """How often its state is written, so that an interrupted run goes on."""

    @model_validator(mode="after")
    def _augments_what_originals_answer(self) -> Self:
        if self.target == "labels" and (self.mixup or self.shift_pixels):
            raise ValueError(
                'mixup and shift_pixels need target = "outputs": the original networks answer the '
                "inputs that they make"
            )
        return self

    @model_validator(mode="after")
    def _computes_once_what_stays(self) -> Self:
        if self.frozen_front and (self.mixup or self.shift_pixels):
            raise ValueError(
                "frozen_front computes the first layers once, but mixup and shift_pixels change "
                "inputs in each iteration; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _has_batches_to_normalize_by(self) -> Self:
        if self.batch_norm and self.batch_size == 1:
            raise ValueError("batch_norm needs a batch_size of 2 or more: it normalizes by batches")
        return self
