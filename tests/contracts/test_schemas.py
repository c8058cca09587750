import json

import pytest
from jsonschema import Draft202012Validator

from taskzip.contracts import schema


@pytest.mark.parametrize("name", sorted(schema.MODELS))
def test_committed_schema_is_what_the_models_say(name: str) -> None:
    assert schema.shipped(name) == json.loads(schema.generated(name)), (
        "run: python -m taskzip.contracts.schema"
    )


@pytest.mark.parametrize("name", sorted(schema.MODELS))
def test_committed_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema.shipped(name))
