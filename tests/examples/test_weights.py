"""The committed networks are those of their recipes, and as good as they claim to be."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from taskzip.contracts.config import load_config
from taskzip.contracts.zipcases import Cases
from taskzip.pipeline.networks.user_code import UserFolder
from tests.examples.conftest import EXAMPLES

WEIGHTS = EXAMPLES / "weights"
MAX_BYTES = 20_000_000
MAX_TEST_ERROR_PERCENT = {
    "digits": 1.0,
    "fashion": 9.5,
    "lenet300_mnist": 1.7,
    "lenet5_mnist": 1.0,
    "lenet300_pruned": 1.6,
    "lenet5_pruned": 0.7,
    "conv3_digits": 1.0,
    "conv3_fashion": 11.0,
    "cifar_first": 17.0,
    "cifar_last": 10.0,
    "nine_digits": 1.5,
    "nine_clothing": 10.0,
    "nine_vehicles": 13.0,
    "nine_wild_animals": 18.0,
    "nine_domestic_animals": 25.0,
    "nine_drawn_animals": 37.0,
    "nine_drawn_food": 19.0,
    "nine_drawn_places": 25.0,
    "nine_drawn_objects": 21.0,
    "speakers": 4.0,
}
"""Name, or its beginning → what the network must not be worse than."""
MAX_DENSITY = 0.10

RECIPES: dict[str, Any] = json.loads((WEIGHTS / "recipe.json").read_text(encoding="utf-8"))
CONFIGS = sorted(EXAMPLES.glob("*.toml"))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_committed_weights_are_those_of_the_recipe(name: str) -> None:
    content = (WEIGHTS / RECIPES[name]["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == RECIPES[name]["sha256"]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_network_takes_its_weights(examples: UserFolder, name: str) -> None:
    network = examples.module("recipes").TRAININGS[name].network()
    tensors = examples.module("weight_files").load_weights(WEIGHTS / RECIPES[name]["file"])
    network.load_state_dict(tensors)


def test_every_network_that_a_recipe_names_is_there(examples: UserFolder) -> None:
    assert set(examples.module("recipes").TRAININGS) == set(RECIPES)


@pytest.mark.parametrize(("beginning", "bound"), MAX_TEST_ERROR_PERCENT.items())
def test_networks_are_well_trained(beginning: str, bound: float) -> None:
    errors = {
        name: entry["test_error_percent"]
        for name, entry in RECIPES.items()
        if name.startswith(beginning)
    }
    assert {name: error for name, error in errors.items() if error > bound} == {}


def test_pruned_networks_have_a_tenth_of_their_weights(examples: UserFolder) -> None:
    for name in [name for name, entry in RECIPES.items() if "pruning" in entry]:
        tensors = examples.module("weight_files").load_weights(WEIGHTS / RECIPES[name]["file"])
        weights = [tensor for key, tensor in tensors.items() if key.endswith("weight")]
        kept = sum(int((weight != 0).sum()) for weight in weights)
        assert kept <= MAX_DENSITY * sum(weight.numel() for weight in weights)


def test_all_weights_together_are_small() -> None:
    files = {WEIGHTS / entry["file"] for entry in RECIPES.values()}
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_names_networks_with_recipes_and_functions_that_are_there(
    examples: UserFolder, path: Path
) -> None:
    random = (f"vgg16_{task}" for task in examples.module("vgg16_pair").CLASSES)
    fetched = examples.module("face_weights").MODELS
    made = {*examples.module("recipes").TRAININGS, *fetched, *random}
    for task in load_config(path).tasks:
        assert task.weights is not None
        assert task.weights.stem in made
        references = [task.network, task.calibration, task.evaluation]
        if task.metric != "classification":
            references.append(task.metric)
        for reference in references:
            module, _, function = str(reference).partition(":")
            assert callable(getattr(examples.module(module), function))


def test_the_cases_name_configs_and_weights_that_are_there() -> None:
    folder = EXAMPLES / "cases"
    for case in Cases.load(folder / "all.toml").cases:
        tasks = {task.name for task in load_config(folder / case.config).tasks}
        for seed in case.seeds:
            assert set(seed.weights) <= tasks
            assert all((folder / path).is_file() for path in seed.weights.values())
