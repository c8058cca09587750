"""`deploy` as users call it: a process with arguments, a folder, an exit code."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from taskzip.cli.main import invoke
from taskzip.pipeline.networks.user_code import UserFolder

Deploy = Callable[..., subprocess.CompletedProcess[str]]

DEPLOY = Path(sys.executable).with_name("deploy")
SMALL_PROJECT = Path(__file__).parents[1] / "pipeline" / "small_project"


@pytest.fixture(scope="session")
def deploy() -> Deploy:
    """Runs `deploy` with arguments and returns how it ended."""

    def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DEPLOY, *map(str, words)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture
def deploy_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """The same without a new process, which takes seconds to start."""

    def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            invoke([str(word) for word in words])
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(words, code, *capsys.readouterr())

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of tiny networks, in a folder whose name has a space in it."""
    folder = Path(shutil.copytree(SMALL_PROJECT, tmp_path / "my project"))
    for task in ("day", "night"):
        network = UserFolder(folder).module("networks").network()
        save_file(network.state_dict(), folder / f"{task}.safetensors")
    return folder


@pytest.fixture(scope="session")
def deploy_path() -> Path:
    """The console script, for tests that talk to it while it runs."""
    return DEPLOY
