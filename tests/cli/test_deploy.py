import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from taskzip import __version__
from taskzip.cli.main import app
from taskzip.contracts import schema

VERBS = (
    *("zip-and-push", "zip", "export", "inspect", "push", "bench", "report", "compare"),
    *("clean", "device", "doctor"),
)


def test_version_is_the_packages(deploy) -> None:
    done = deploy("--version")
    assert (done.returncode, done.stdout) == (0, f"deploy {__version__}\n")


def test_help_lists_every_verb_and_the_exit_codes(deploy_here) -> None:
    done = deploy_here("--help")
    assert done.returncode == 0
    for word in (*VERBS, "0 done", "1 a check failed", "2 bad input", "3 device trouble"):
        assert word in done.stdout


@pytest.mark.parametrize("verb", [*((verb,) for verb in VERBS), ("device", "start")])
def test_every_verb_has_help(verb: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*verb, "--help"])
    assert (done.exit_code, verb[-1] in done.output) == (0, True)


def test_an_unknown_option_is_bad_input(deploy_here) -> None:
    assert deploy_here("zip", "x.toml", "--fast").returncode == 2


def test_doctor_says_what_is_there(deploy_here) -> None:
    done = deploy_here("doctor", "--json")
    findings = {finding["what"]: finding["remedy"] for finding in json.loads(done.stdout)}
    assert done.returncode == (1 if any(findings.values()) else 0)
    assert findings["torch"] == ""
    assert "qemu-system-aarch64" in findings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((r'name = "\w+"', 'name = "a;reboot"'), "tasks.0.name"),
        ((r"\[\[tasks\]\]", "[[tasks]]\nshare = 3"), "unknown key 'share' at tasks.0"),
        ((r'network = "\w+:', 'network = "nowhere:'), "nowhere"),
        ((r"\A", "= nonsense"), "not TOML"),
    ],
)
def test_a_bad_config_ends_with_2_and_a_message(
    deploy_here, project: Path, change, message
) -> None:
    config = project / "project.toml"
    config.write_text(re.sub(*change, config.read_text(), count=1))
    done = deploy_here("zip-and-push", config.name, "--dry-run", cwd=project)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "out").exists()


def test_a_missing_config_ends_with_2(deploy_here, tmp_path: Path) -> None:
    done = deploy_here("zip", tmp_path / "nowhere.toml")
    assert done.returncode == 2
    assert "nowhere.toml: config cannot be read" in done.stderr.replace("\n", "")


def test_a_device_that_does_not_answer_ends_with_3(deploy_here, project: Path) -> None:
    done = deploy_here("device", "shell", "--device", "127.0.0.1:1", "true", cwd=project)
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr


def test_cleaning_no_device_is_done_and_an_absent_one_ends_with_3(
    deploy_here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path))
    none = deploy_here("clean", "--device", "virtual")
    assert (none.returncode, "no emulated device runs" in none.stdout) == (0, True)
    absent = deploy_here("clean", "--device", "127.0.0.1:1", "--dry-run")
    assert absent.returncode == 3
    assert "127.0.0.1:1: no ADB daemon answers" in absent.stderr


def test_profiles_are_listed_and_a_wrong_one_ends_with_2(
    deploy_here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKZIP_CONFIG_DIR", str(tmp_path))
    listed = json.loads(deploy_here("device", "profiles", "--json").stdout)
    assert listed["microsd"]["flash_read_bytes_per_second"] == 20_000_000
    (tmp_path / "profiles.toml").write_text("[x]\ncores = 2\n")
    wrong = deploy_here("device", "profiles")
    assert wrong.returncode == 2
    assert "unknown key 'cores' at [x]" in wrong.stderr.replace("\n", " ")


def test_a_device_that_is_none_ends_with_2_before_anything_is_built(deploy_here, project) -> None:
    done = deploy_here("zip-and-push", "project.toml", "--device", "nowhere:port", cwd=project)
    assert done.returncode == 2
    assert "is not HOST:PORT" in done.stderr
    assert not (project / "out").exists()


def test_a_report_of_nothing_ends_with_2(deploy_here, tmp_path: Path) -> None:
    done = deploy_here("report", tmp_path)
    assert done.returncode == 2
    assert "bundle.json" in done.stderr


def test_dry_run_shows_the_plan_and_writes_nothing(deploy, project: Path) -> None:
    before = sorted(path.name for path in project.iterdir())
    done = deploy("zip-and-push", "project.toml", "--dry-run", cwd=project)
    assert done.returncode == 0, done.stderr
    words = ("zip: it has not run here before", "joint.pte", "joint.tflite", "32 cells")
    for word in (*words, "heads aside: 100 %", "memory of the zip: at most"):
        assert word in " ".join(done.stdout.split())
    after = sorted(path.name for path in project.iterdir() if path.name != "__pycache__")
    assert after == [name for name in before if name != "__pycache__"]


def test_deploy_runs_inside_a_project_with_rooms_of_the_same_names(deploy, project) -> None:
    for name in ("pipeline", "benchmarks", "device", "contracts", "cli"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    done = deploy("zip", "project.toml", "--dry-run", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["layers"]
    assert plan["memory"]["total_bytes"] > plan["memory"]["solver_bytes"] > 0


def test_zip_alone_writes_its_result(deploy, project: Path) -> None:
    done = deploy("zip", "project.toml", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    written = json.loads((project / "out" / "project" / "zip.json").read_text())
    assert json.loads(done.stdout) == written


def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(deploy_path, project) -> None:
    running = subprocess.Popen(
        [deploy_path, "zip-and-push", "project.toml"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in running.stderr:
        if "zip" in line:
            break
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert not list(project.glob("out/**/*.partial"))
    assert not (project / "out" / "project" / "bundle").exists()


def quickly_zipped(project: Path) -> Path:
    """Its config, which asks for the closed form alone."""
    config = project / "project.toml"
    config.write_text(config.read_text() + "[zip]\nreconstruct_steps = 0\n")
    return config


def test_zip_within_a_budget_then_by_its_own_plan(deploy, project: Path) -> None:
    config, out = quickly_zipped(project), project / "out"
    small = deploy("zip", config, "--out", out, "--max-size-ratio", "0.8", "--json")
    assert small.returncode == 0, small.stderr
    counts = json.loads(small.stdout)["parameters"]
    assert counts["joint"] <= 0.8 * counts["separate"]
    plan = out / "zip" / "plan.json"
    again = deploy("zip", config, "--out", project / "again", "--plan", plan, "--json")
    assert again.returncode == 0, again.stderr
    assert (project / "again" / "zip" / "plan.json").read_bytes() == plan.read_bytes()


def test_a_budget_that_cannot_be_ends_with_2(deploy_here, project: Path) -> None:
    done = deploy_here("zip", project / "project.toml", "--max-bytes", "8")
    assert done.returncode == 2
    assert "cannot have 8 bytes of weights" in done.stderr
    wrong = deploy_here("zip", project / "project.toml", "--max-size-ratio", "2")
    assert wrong.returncode == 2
    assert "options: max_size_ratio" in wrong.stderr


def test_compare_and_sweep_show_tables_and_write_their_files(deploy, project: Path) -> None:
    config, out = quickly_zipped(project), project / "out"
    compared = deploy("zip", config, "--out", out, "--compare")
    assert compared.returncode == 0, compared.stderr
    assert "heads-only" in compared.stdout
    swept = deploy("zip", config, "--out", out, "--sweep")
    assert swept.returncode == 0, swept.stderr
    assert "mean change" in swept.stdout
    for name in ("compare", "sweep"):
        text = json.loads((out / f"{name}.json").read_text())
        Draft202012Validator(schema.shipped(name)).validate(text)
    assert (out / "sweep.svg").read_text(encoding="utf-8").startswith("<?xml")


KILLING = """
import os
import signal

_plain, _read = calibration, []

def calibration():
    for batch in _plain():
        _read.append(batch)
        if len(_read) > 8 and not os.path.exists("was killed"):
            open("was killed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch
"""


def test_a_killed_zip_goes_on_with_the_same_command(deploy, project: Path) -> None:
    with (project / "data.py").open("a") as data:
        data.write(KILLING)
    with (project / "project.toml").open("a") as config:
        config.write("[zip]\nreconstruct_steps = 0\n[retrain]\niterations = 2\n")
    words = ("zip", "project.toml", "--out", "out", "--resume")
    killed = deploy(*words, cwd=project)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = deploy(*words, cwd=project)
    assert done.returncode == 0, done.stderr
    assert "zipping goes on after 3 of 3 steps" in done.stderr
    assert not list((project / "out" / "zip").glob(".*"))
