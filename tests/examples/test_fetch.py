"""Fetching the data sets takes only the files that it knows."""

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.examples.conftest import EXAMPLES


def fetch_from(source: Path, cache: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """`fetch_data.py --from` with a cache folder of the test's own."""
    return subprocess.run(
        [sys.executable, EXAMPLES / "fetch_data.py", *names, "--from", source],
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


def test_a_data_set_that_is_not_known_is_named_with_those_that_are(tmp_path: Path) -> None:
    done = fetch_from(tmp_path, tmp_path / "cache", "imagenet")
    assert done.returncode == 2
    assert "imagenet: no data set of that name; known are mnist, fashion-mnist" in done.stderr
