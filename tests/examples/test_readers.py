"""What the examples read from the data sets' files, on files of a few images."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskzip.pipeline.networks.user_code import UserFolder


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_png_row_is_one_photograph(
    examples: UserFolder, tmp_path: Path, generator: np.random.Generator
) -> None:
    photographs = generator.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    Image.fromarray(photographs.reshape(3, 1024, 3)).save(tmp_path / "rows.png")
    found = examples.module("cifar10_files").read_images(tmp_path / "rows.png")
    assert np.array_equal(found, photographs)


def test_photographs_labels_are_a_json_list(examples: UserFolder, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text("[6, 9, 0]", encoding="utf-8")
    assert examples.module("cifar10_files").read_labels(path).tolist() == [6, 9, 0]


@pytest.fixture
def drawings(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Two drawings of each category."""
    return {name: generator.random((2, 28 * 28)).round(3) for name in ("owl", "ant", "hot dog")}


@pytest.fixture
def drawings_archive(tmp_path: Path, drawings: dict[str, np.ndarray]) -> Path:
    path = tmp_path / "drawings.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, pixels in drawings.items():
            lines = "".join(f"{json.dumps(row)}\r\n" for row in pixels.tolist())
            add(archive, f"package/src/drawings/{name}.ndjson.gz", gzip.compress(lines.encode()))
    return path


def test_drawings_come_in_the_order_of_the_categories(
    examples: UserFolder, drawings_archive: Path, drawings: dict[str, np.ndarray]
) -> None:
    read = examples.module("quickdraw_files").read_drawings
    found = read(drawings_archive, ("hot dog", "ant"))
    expected = np.stack([drawings["hot dog"], drawings["ant"]]).astype(np.float32)
    assert np.array_equal(found, expected.reshape(2, 2, 28, 28))


def test_what_is_learned_from_holds_no_drawing_that_is_tested(
    examples: UserFolder, drawings_archive: Path, drawings: dict[str, np.ndarray]
) -> None:
    found = examples.module("quickdraw_files").read_all(drawings_archive, ("hot dog",), 1)
    expected = np.concatenate([drawings["ant"], drawings["owl"], drawings["hot dog"][:1]])
    assert np.array_equal(found, expected.astype(np.float32).reshape(5, 28, 28))


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def test_recordings_may_differ_in_length(examples: UserFolder, tmp_path: Path) -> None:
    path = tmp_path / "recordings.ts"
    path.write_text("#Speech\n@classLabel true 1 2\n@data\n1.5,2:0,-1:2\n3:4:1\n", encoding="utf-8")
    series, labels = examples.module("vowels_files").read_series(path)
    assert [each.tolist() for each in series] == [[[1.5, 2.0], [0.0, -1.0]], [[3.0], [4.0]]]
    assert labels.tolist() == [1, 0]


def test_grey_images_get_a_black_frame_and_equal_colours(examples: UserFolder) -> None:
    torch = pytest.importorskip("torch")
    grey = torch.rand(2, 1, 28, 28)
    colour = examples.module("nine_tasks").framed(grey)
    assert colour.shape == (2, 3, 32, 32)
    assert torch.equal(colour[:, 0, 2:-2, 2:-2], grey[:, 0])
    assert torch.equal(colour[:, 0], colour[:, 2])
    assert (colour[:, :, :2] == grey.min()).all()


def test_the_nine_tasks_share_no_class(
    examples: UserFolder,
) -> None:
    nine = examples.module("nine_tasks")
    groups = (nine.DRAWN_ANIMALS, nine.DRAWN_FOOD, nine.DRAWN_PLACES, nine.DRAWN_OBJECTS)
    assert [len(set(group)) for group in groups] == [20, 20, 20, 20]
    assert len(set().union(*groups)) == 80
    photographs = (*nine.VEHICLES, *nine.WILD_ANIMALS, *nine.DOMESTIC_ANIMALS)
    assert sorted(photographs) == sorted(examples.module("cifar10").CLASSES)
