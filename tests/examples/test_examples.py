"""The example's data and weights are what they say they are."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
MAX_TEST_ERROR_PERCENT = {"digits": 1.0, "fashion": 9.5}


@pytest.mark.parametrize("task", sorted(MAX_TEST_ERROR_PERCENT))
def test_committed_weights_are_those_of_the_recipe(task: str) -> None:
    entry = json.loads((EXAMPLES / "weights" / "recipe.json").read_text(encoding="utf-8"))[task]
    content = (EXAMPLES / "weights" / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert entry["test_error_percent"] <= MAX_TEST_ERROR_PERCENT[task]


def fetch_from(source: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """`fetch_data.py --from` with a cache folder of the test's own."""
    return subprocess.run(
        [sys.executable, EXAMPLES / "fetch_data.py", "--from", source],
        env={**os.environ, "TASKZIP_CACHE_DIR": str(cache), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    done = fetch_from(tmp_path, tmp_path / "cache")
    assert done.returncode == 2
    assert "has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz" in done.stderr


def test_files_that_are_not_the_data_sets_are_refused_and_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"other"))
    done = fetch_from(tmp_path, tmp_path / "cache")
    assert done.returncode == 2
    assert f"SHA-256 is {hashlib.sha256(b'other').hexdigest()}, expected ba891046" in done.stderr
    assert not list((tmp_path / "cache").rglob("*ubyte*"))
