"""The faces' networks in torch answer as face-api does in JavaScript, and zip without labels."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from taskzip.contracts.config import load_config
from taskzip.contracts.names import RUNTIMES
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipresult import ZipResult
from taskzip.pipeline.build import build
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.networks.weights import load_weights
from tests.examples.conftest import EXAMPLES

RECORDED = Path(__file__).parent / "face_api" / "outputs.json"
"""What `face_api/record.js` wrote with face-api 1.7.15 on TensorFlow.js 4.22.0's CPU backend, for
the squares of `square_of`."""
ANSWERS = json.loads(RECORDED.read_text(encoding="utf-8"))
TOLERANCE_COLOUR = 0.1
"""Of 255: float32 places in pictures of noise."""
TOLERANCE = 1e-4
"""Of the largest answer: float32 sums in another order; 30 layers."""

SIZE = 0.53
LANDMARKS_MOVED_PERCENT = 0.01
"""Of the face's side, in the mean."""
EXPRESSIONS_THAT_DIFFER_PERCENT = 25.0


@pytest.fixture(scope="session")
def photos(examples: UserFolder) -> ModuleType:
    return examples.module("face_photos")


@pytest.fixture(scope="session")
def networks(examples: UserFolder) -> dict[str, nn.Module]:
    module = examples.module("face_networks")
    found = {"landmarks": module.landmarks(), "expressions": module.expressions()}
    for name, network in found.items():
        load_weights(network, EXAMPLES / "weights" / "unpacked" / f"face_{name}.safetensors")
    return found


def pattern(side: int, folder: Path) -> Path:
    """A picture of whole numbers that every language computes alike."""
    x, y, colour = np.arange(side)[None, :, None], np.arange(side)[:, None, None], np.arange(3)
    path = folder / "pattern.png"
    Image.fromarray(((7 * x + 13 * y + 29 * colour + x * y) % 256).astype(np.uint8)).save(path)
    return path


def square_of(name: str, examples: UserFolder, photos: ModuleType, folder: Path) -> torch.Tensor:
    """(3, 112, 112): a pattern of a given side, or the first face of a photograph."""
    if name.startswith("pattern"):
        side = int(name.split()[1])
        return photos.cut(photos.Face(pattern(side, folder), 0, 0, side))
    files = examples.module("face_files")
    dataset, photo = name.split("/")
    known = {each.name: each for each in (files.FACE_API, files.PORTRAITS)}
    path = examples.module("data_files").fetch(known[dataset]) / photo
    return photos.cut(photos.Face(path, *files.PHOTOS[dataset][photo]["faces"][0]))


@pytest.mark.parametrize("name", ANSWERS)
@torch.no_grad()
def test_the_port_answers_as_face_api_does(
    examples: UserFolder,
    photos: ModuleType,
    networks: dict[str, nn.Module],
    name: str,
    tmp_path: Path,
) -> None:
    inputs = photos.prepare(square_of(name, examples, photos, tmp_path)[None])
    for task, network in networks.items():
        wanted = torch.tensor(ANSWERS[name][task])
        torch.testing.assert_close(
            network(inputs)[0], wanted, rtol=0, atol=TOLERANCE * float(wanted.abs().max())
        )


def test_a_square_that_leaves_the_photograph_is_black_there(
    photos: ModuleType, tmp_path: Path
) -> None:
    Image.new("RGB", (112, 112), (200, 100, 50)).save(tmp_path / "plain.png")
    found = photos.cut(photos.Face(tmp_path / "plain.png", -12, 20, 112))
    assert found[:, :92, 12:].unique(dim=1).shape[1] == 1
    assert float(found[:, 92:].abs().max()) == float(found[:, :, :12].abs().max()) == 0.0


def test_no_photograph_is_both_learned_from_and_held_out(photos: ModuleType) -> None:
    learned, held_out = ({face.photo for face in photos.faces(held_out=h)} for h in (False, True))
    assert learned.isdisjoint(held_out)
    assert len(photos.faces(held_out=True)) == 29  # what README.md says
    assert len(photos.faces(held_out=False)) == 49  # the same


def test_faces_vary_in_the_same_way_each_time(photos: ModuleType) -> None:
    face = photos.faces(held_out=False)[0]
    first, again, other = (photos.varied(face, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (3, 112, 112)
    assert 0 <= float(first.min()) <= float(first.max()) <= 255  # colours


def test_a_face_mixed_with_its_like_elsewhere_stays_the_same(
    examples: UserFolder, photos: ModuleType, tmp_path: Path
) -> None:
    mixes = examples.module("face_mixes")
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    points = np.random.default_rng(1).uniform(80, 120, (68, 2))
    marked = []
    for shift in (0, 40):
        path = tmp_path / f"{shift}.png"
        Image.fromarray(np.roll(pixels, (shift, shift), (0, 1))).save(path)
        marked.append(mixes.Marked(photos.Face(path, 80 + shift, 80 + shift, 40), points + shift))
    alone, both = (
        mixes.mixed(marked[0], other, np.random.default_rng(2)) for other in (marked[0], marked[1])
    )
    torch.testing.assert_close(both, alone, rtol=0, atol=TOLERANCE_COLOUR)


def test_landmarks_are_told_apart_in_percent_of_the_side(examples: UserFolder) -> None:
    wanted = torch.rand(2, 136)
    found = wanted + torch.tensor([0.03, 0.04]).repeat(68)
    distance = examples.module("face_tasks").landmark_distance_percent(found, wanted)
    torch.testing.assert_close(distance, torch.full((2,), 5.0))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_both_networks_in_one_answer_alike_for_unseen_people(tmp_path: Path) -> None:
    bundle = build(load_config(EXAMPLES / "face_heads.toml"), EXAMPLES, tmp_path, Silent())
    result = ZipResult.read(tmp_path / "zip.json")
    errors = {task.name: task.error_percent.joint for task in result.tasks if task.error_percent}
    assert result.bytes.joint <= SIZE * result.bytes.separate
    assert errors["landmarks"] <= LANDMARKS_MOVED_PERCENT
    assert errors["expressions"] <= EXPRESSIONS_THAT_DIFFER_PERCENT
    for runtime in RUNTIMES:
        joint = bundle.model(runtime, "joint", "landmarks")
        assert joint.has("expressions")
