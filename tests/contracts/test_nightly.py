from pathlib import Path

import pytest

from taskzip.contracts.errors import BadInput
from taskzip.contracts.nightly import load_nightly

WHOLE = """
history = "kept.sqlite"
[subjects.lenet]
bundle = "out/lenet"
reference = "pinned"
[devices.emulated]
device = "virtual"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "nightly.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file_and_urls_are_not(tmp_path: Path) -> None:
    config = load_nightly(written(tmp_path, WHOLE))
    subject = config.subjects["lenet"]
    assert subject.bundle == tmp_path / "out/lenet"
    assert subject.reference == tmp_path / "pinned"
    assert (config.history, config.folder) == (str(tmp_path / "kept.sqlite"), tmp_path / "nights")
    url = load_nightly(written(tmp_path, WHOLE.replace("kept.sqlite", "postgresql://h/n")))
    assert url.history == "postgresql://h/n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('bundle = "out/lenet"', ""), "give either config"),
        (('bundle = "out/lenet"', 'bundle = "a"\nconfig = "b"'), "give either config"),
        (("[devices.emulated]", "[elsewhere.emulated]"), "devices"),
        (("subjects.lenet", 'subjects."a/b"'), "subjects"),
        (("history =", "history"), "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        load_nightly(written(tmp_path, WHOLE.replace(*change)))
