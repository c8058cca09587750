"""Names of inputs and outputs: the task's own where it has some."""

from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ExportConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.pipeline.entry import TensorNames
from taskzip.pipeline.exporters.accuracy import TaskData
from taskzip.pipeline.exporters.bundle import write_bundle
from taskzip.pipeline.exporters.two_forms import Exports, TwoForms
from taskzip.pipeline.exporters.workers import ExportWorkers


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (TensorNames(inputs=("left", "right")), r"mine: input_names has 2 \(left, right\).* has 1"),
        (TensorNames(outputs=("a", "b", "c")), r"mine: output_names has 3 \(a, b, c\).* has 1"),
    ],
)
def test_names_must_be_as_many_as_there_are_tensors(
    workers: ExportWorkers, tmp_path: Path, names: TensorNames, message: str
) -> None:
    network, x = nn.Linear(2, 3).eval(), torch.ones(1, 2)
    data = TaskData((x,), None, lambda answers, _: answers[:, 0])
    task = TwoForms("mine", network, network, (x,), data, names)
    exports = Exports.as_they_are(task)
    with pytest.raises(BadInput, match=message):
        write_bundle(exports, ExportConfig(), tmp_path / "bundle", workers, Silent())
    assert list(tmp_path.iterdir()) == []
