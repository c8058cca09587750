"""Entry points travel to the workers and stay what they were."""

from pathlib import Path

import torch
from torch import nn

from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import unique_bytes
from taskzip.pipeline.exporters.programs import load_entries, save_entries


def test_entries_come_back_with_their_weights_shared_and_their_answers(tmp_path: Path) -> None:
    trunk = nn.Linear(3, 5)
    entries = tuple(
        EntryPoint(name, nn.Sequential(trunk, nn.Linear(5, 2)).eval(), (torch.randn(1, 3),))
        for name in ("a", "b")
    )
    save_entries(entries, tmp_path)
    loaded = load_entries(tmp_path)
    assert [entry.name for entry, _ in loaded] == ["a", "b"]
    assert unique_bytes(entry.module for entry, _ in loaded) == unique_bytes(
        entry.module for entry in entries
    )
    for (entry, cases), original in zip(loaded, entries, strict=True):
        assert torch.equal(cases[0].inputs[0], original.inputs[0])
        with torch.no_grad():
            for case in cases:
                assert torch.equal(entry.module(*case.inputs), case.outputs[0])
                assert torch.equal(original.module(*case.inputs), case.outputs[0])
