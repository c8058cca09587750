from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.evaluate import error_percent, with_own_answers
from taskzip.pipeline.networks.metric import CheckedMetric


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


def test_without_labels_the_networks_own_answers_are_what_is_wanted() -> None:
    separate, joint = nn.Identity(), nn.Linear(2, 2, bias=False)
    joint.weight.data = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    batches = [(torch.tensor([[2.0, 1.0], [4.0, 1.0], [0.0, 1.0], [1.0, 0.0]]), None)]
    assert error_percent(separate, with_own_answers(separate, batches)) == 0.0
    assert error_percent(joint, with_own_answers(separate, batches)) == 25.0


def test_a_metric_of_ones_own_is_averaged_over_all_answers() -> None:
    batches = [(torch.zeros(1, 2), torch.ones(1, 2)), (torch.zeros(3, 2), torch.zeros(3, 2))]
    metric = lambda answers, wanted: 10 * (answers - wanted).abs().sum(1)  # noqa: E731  # one line
    assert error_percent(nn.Identity(), batches, metric) == 5.0


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (lambda answers, wanted: answers, r"m: returned type Tensor, shape \(3, 2\); .* \(3,\)"),
        (lambda answers, wanted: 1.0, "m: returned type float"),
        (lambda answers, wanted: answers[:, 0] / 0, "m: error 0 is nan"),
        (lambda answers, wanted: answers @ wanted, "m: failed with RuntimeError: .* shape"),
    ],
)
def test_a_metric_that_cannot_be_used_says_why(
    metric: Callable[[torch.Tensor, torch.Tensor], Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        CheckedMetric(metric, "m")(torch.zeros(3, 2), torch.zeros(3, 2))
