"""The inputs of each output, against torch's own unfolding."""

import math

import pytest
import torch
from torch.nn.functional import unfold

from taskzip.pipeline.graph.layer import Geometry
from taskzip.pipeline.zipper.rows import output_size, rows_of


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_patches_are_those_that_torch_unfolds(
    kernel: int, stride: int, padding: int, dilation: int
) -> None:
    geometry = Geometry(
        kernel=(kernel,) * 2, stride=(stride,) * 2, padding=(padding,) * 2, dilation=(dilation,) * 2
    )
    batch = torch.randn(2, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    count = math.prod(output_size(geometry, batch))
    rows = rows_of(geometry, batch, torch.arange(count))
    wanted = unfold(batch, kernel, dilation=dilation, padding=padding, stride=stride)
    assert torch.equal(rows[:, :-1].reshape(count, 2, -1), wanted.permute(2, 0, 1))
    assert bool((rows[:, -1] == 1).all())
