import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from taskzip.contracts.nightly import NightlyConfig

PAGE = Path(__file__).parents[2] / "docs" / "nightly.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_shown_config_is_one(deploy_here, tmp_path: Path) -> None:
    (text,) = blocks("toml")
    config = NightlyConfig.model_validate(tomllib.loads(text))
    assert {key for key in NightlyConfig.model_fields if key not in text} == set()
    (tmp_path / "nightly.toml").write_text(text)
    done = deploy_here("nightly", tmp_path / "nightly.toml", "--night", "n1", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert [(job["subject"], job["device"]) for job in plan["jobs"]] == [
        (subject, device) for subject in config.subjects for device in config.devices
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "nightly.toml"]


def test_bad_input_ends_with_2_and_a_message(deploy_here, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text("[devices.a]\n")
    done = deploy_here("nightly", tmp_path / "nightly.toml")
    assert done.returncode == 2
    assert "nightly.toml: subjects: Field required" in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_takes_the_shown_units(tmp_path: Path) -> None:
    for name, text in zip(("service", "timer"), blocks("ini"), strict=True):
        (tmp_path / f"deploy-nightly.{name}").write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
