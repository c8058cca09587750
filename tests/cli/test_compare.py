import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from taskzip.contracts import schema

ROOT = Path(__file__).parents[2]
SESSIONS = ROOT / "tests" / "recordings" / "sessions"
FIRST, SECOND = SESSIONS / "first", SESSIONS / "second"


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    """The second session, all latencies 3 % longer."""
    report = json.loads((SECOND / "report.json").read_text())
    for row in report["rows"]:
        for metric in ("switch_ns", "first_output_ns", "inference_ns"):
            samples = row[metric]["samples"]
            row[metric]["samples"] = [round(sample * 1.03) for sample in samples]
    path = tmp_path / "slower.json"
    path.write_text(json.dumps(report))
    return path


def shown_commands() -> list[str]:
    """Every command of the page, with its comment."""
    page = (ROOT / "docs" / "comparing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return block.splitlines()


@pytest.mark.parametrize("line", shown_commands())
def test_a_command_that_the_page_shows_runs(deploy_here, tmp_path: Path, line: str) -> None:
    for name, recorded in (("before", FIRST), ("after", SECOND)):
        shutil.copytree(recorded, tmp_path / name)
    _, *words = shlex.split(line, comments=True)
    done = deploy_here(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if "--json" in words:
        document = json.loads(done.stdout)
        Draft202012Validator(schema.shipped("sidebyside")).validate(document)
        assert len(document["figures"]) == 20
    else:
        assert "20 equivalent" in done.stdout


def test_compare_prints_markdown(deploy_here, slower: Path) -> None:
    done = deploy_here("compare", FIRST, SECOND, slower, "--markdown")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### 12 slower, 28 equivalent")
    assert "| C litert separate-swap cold | switch |" in done.stdout


def test_a_gate_ends_with_1_and_names_the_worst(deploy, slower: Path) -> None:
    failed = deploy("compare", FIRST, slower, "--fail-on", "slower:2%")
    assert failed.returncode == 1
    assert "12 of 20 figures fail" in failed.stderr
    assert "B against A" in failed.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((FIRST, "nowhere"), "nowhere: there is no such file or folder"),
        ((FIRST, SECOND, "--fail-on", "fast"), "--fail-on fast"),
        ((FIRST, SECOND, "--allow", "clock"), "never compared"),
    ],
)
def test_bad_input_ends_with_2_and_a_message(deploy_here, words, message: str) -> None:
    done = deploy_here("compare", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_evidence_that_is_none_ends_with_2(deploy_here, tmp_path: Path) -> None:
    (tmp_path / "evidence.zip").write_bytes(b"PK")
    done = deploy_here("report", tmp_path / "evidence.zip")
    assert done.returncode == 2
    assert "evidence.zip: cannot be unpacked" in done.stderr
    assert "Traceback" not in done.stderr
