import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from taskzip.contracts.nightly import NightlyConfig

PAGE = Path(__file__).parents[2] / "docs" / "nightly.md"


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [text for name, text in found if name == language]


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


@pytest.mark.parametrize("night", ["good", "a/b", ".n1"])
def test_a_night_is_not_called_like_a_folder_that_is_not_its_own(
    deploy_here, tmp_path: Path, night: str
) -> None:
    (tmp_path / "nightly.toml").write_text(*blocks("toml"))
    done = deploy_here("nightly", tmp_path / "nightly.toml", "--night", night, "--dry-run")
    assert done.returncode == 2
    assert f"--night {night}: " in done.stderr


def test_the_cron_line_and_the_workflow_call_what_there_is(tmp_path: Path) -> None:
    """The shown lines are run by a shell, in a folder like the shown one, without measuring."""
    (tmp_path / "nightly.toml").write_text(*blocks("toml"))
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (cron,), (workflow,) = blocks(""), map(yaml.safe_load, blocks("yaml"))
    times, place, command = re.fullmatch(r"((?:\S+ +){5}) *cd (\S+) && (.*)\n", cron).groups()
    assert workflow[True]["schedule"] == [{"cron": " ".join(times.split())}]  # `on` is true in YAML
    assert f"WorkingDirectory={place}\n" in "".join(blocks("ini"))
    runs = [step["run"] for step in workflow["jobs"]["measure"]["steps"] if "run" in step]
    (measures,) = (run for run in runs if "deploy" in run)
    for line in (command, measures):
        done = subprocess.run(
            ["sh", "-c", f"{line} --dry-run"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert "lenet on emulated" in done.stdout


@pytest.mark.slow
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
