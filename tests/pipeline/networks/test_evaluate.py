import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.evaluate import error_percent


def test_error_is_the_share_of_wrong_answers_over_all_batches() -> None:
    scores = nn.Identity()
    batches = [
        (torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])),
        (torch.tensor([[0.0, 2.0], [3.0, 1.0], [0.0, 1.0]]), torch.tensor([1, 0, 1])),
    ]
    assert error_percent(scores, batches) == 20.0


def test_no_batches_are_refused() -> None:
    with pytest.raises(BadInput, match="no batch"):
        error_percent(nn.Identity(), [])
