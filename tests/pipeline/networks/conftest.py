"""Folders of users, for tests that load networks from them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskzip.contracts.config import Config, TaskConfig
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.task import Task

Load = Callable[..., Task]
Message = Callable[..., str]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads one task whose calibration gives batches of `shape` from the test's folder."""

    def load(shape: tuple[int, ...], **keys: Any) -> Task:
        (tmp_path / "data.py").write_text(
            f"import torch\n\ndef calibration():\n    yield torch.ones({shape})\n"
        )
        keys = {"calibration": "data:calibration", **keys}
        tasks = tuple(TaskConfig.model_validate({"name": name, **keys}) for name in ("a", "b"))
        return load_tasks(Config(tasks=tasks), tmp_path)[0]

    return load


@pytest.fixture
def message(load: Load) -> Message:
    """What the user is told when a task does not load."""

    def message(shape: tuple[int, ...] = (2, 1, 6, 6), **keys: Any) -> str:
        with pytest.raises(BadInput) as caught:
            load(shape, **keys)
        return str(caught.value)

    return message
