"""The examples' modules, imported as `deploy` imports those beside a config."""

from pathlib import Path

import pytest

from taskzip.pipeline.networks.user_code import UserFolder

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def examples() -> UserFolder:
    return UserFolder(EXAMPLES)
