"""Which files of a config the zip stage watches."""

from pathlib import Path

from taskzip.contracts.config import load_config
from taskzip.pipeline.build import Stages

CONFIG = """
[[tasks]]
name = "a"
network = "a.pt2"
calibration = "data:a"

[[tasks]]
name = "b"
network = "nets:make"
weights = "b.safetensors"
calibration = "data:b"
"""


def inputs_in(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(CONFIG)
    config = load_config(folder / "config.toml")
    return Stages(config, folder, folder / "out").zip_inputs()


def test_networks_and_weights_are_known_by_their_bytes(tmp_path: Path) -> None:
    before = inputs_in(tmp_path)
    (tmp_path / "a.pt2").write_bytes(b"one")
    (tmp_path / "b.safetensors").write_bytes(b"two")
    after = inputs_in(tmp_path)
    changed = {name for name in after if before[name] != after[name]}
    assert changed == {"network of a", "weights of b"}


def test_a_config_that_moves_with_its_files_is_the_same(tmp_path: Path) -> None:
    assert inputs_in(tmp_path / "here") == inputs_in(tmp_path / "there")
