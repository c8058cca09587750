import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from taskzip.contracts import schema

SESSIONS = Path(__file__).parents[1] / "recordings" / "sessions"


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, str]:
    return "--history", str(tmp_path / "kept" / "history.sqlite")


def test_measurements_are_added_followed_compared_and_exported(deploy_here, at, tmp_path) -> None:
    added = deploy_here("history", "add", SESSIONS, "--subject", "lenet", *at)
    assert added.returncode == 0, added.stderr
    names = [line.split()[0] for line in added.stdout.splitlines()]
    assert len(names) == 2

    compared = deploy_here("compare", f"history:{names[0]}", f"history:{names[1][:6]}", *at)
    assert "20 equivalent" in compared.stdout

    listed = deploy_here("history", "list", *at).stdout
    assert [name[:12] in listed for name in names] == [True, True]
    assert "separate-swap" in deploy_here("history", "show", names[0][:8], *at).stdout
    shown = json.loads(deploy_here("history", "show", names[0], "--json", *at).stdout)
    Draft202012Validator(schema.shipped("history-entry")).validate(shown)
    assert "separate-swap" in deploy_here("history", "trend", *at).stdout

    trends = json.loads(deploy_here("history", "trend", "--json", *at).stdout)
    Draft202012Validator(schema.shipped("trends")).validate(trends)
    assert {len(trend["points"]) for trend in trends["trends"]} == {2}

    assert deploy_here("history", "site", tmp_path / "page.html", *at).returncode == 0
    assert "lenet" in (tmp_path / "page.html").read_text()
    exported = deploy_here("history", "export", *at)
    (tmp_path / "all.jsonl").write_text(exported.stdout)
    other = ("--history", str(tmp_path / "other.sqlite"))
    imported = deploy_here("history", "import", tmp_path / "all.jsonl", *other)
    assert imported.stdout == "2 new, 0 known\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "beef"), "no entry begins with beef"),
        (("add", ".", "--subject", "a b"), "'a b' cannot name a subject"),
    ],
)
def test_bad_input_ends_with_2_and_a_message(deploy_here, at, words, message: str) -> None:
    done = deploy_here("history", *words, *at)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
