"""The documents say what is true: keys, options, files."""

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from taskzip.cli.main import app
from taskzip.contracts.config import (
    BenchConfig,
    DeviceConfig,
    ExportConfig,
    TaskConfig,
    ZipConfig,
    load_config,
)

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
SECTIONS = (TaskConfig, ZipConfig, ExportConfig, BenchConfig, DeviceConfig)


def shown_commands() -> list[tuple[str, str]]:
    """Every `deploy …` line of a shell block, with its page's name."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            lines = (line.partition("#")[0].strip() for line in block.splitlines())
            found += [(page.name, line) for line in lines if line.startswith("deploy ")]
    return found


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_a_shown_command_is_one_that_exists(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    command = get_command(app)
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    shown = {word for word in words if word.startswith("--")}
    assert shown <= options | {"--help", "--install-completion"}, page


def test_commands_are_shown_at_all() -> None:
    assert {page for page, _ in shown_commands()} >= {"README.md"}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_the_config_is_described(section: type) -> None:
    text = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    assert [key for key in section.model_fields if f"`{key}`" not in text] == []


def test_the_readmes_config_is_the_examples(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    config = tmp_path / "shown.toml"
    config.write_text(block, encoding="utf-8")
    example = load_config(ROOT / "examples" / "digits_fashion.toml")
    shown = load_config(config)
    assert [(t.name, t.network, t.calibration, t.evaluation) for t in shown.tasks] == [
        (t.name, t.network, t.calibration, t.evaluation) for t in example.tasks
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
