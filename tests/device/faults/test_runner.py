"""Runners that die, that lie, and files that are not what they were: no device is needed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from taskzip.device.errors import DeviceHeld
from taskzip.device.manifest import hash_file
from taskzip.device.runner.package import PackageFile
from taskzip.device.session import Session
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import SHELL_TIMEOUT_S, SILENCE_S, Completed
from taskzip.device.transport.stream import Lines
from tests.device.conftest import DONE, HELLO, LOADER, saying
from tests.device.faults.conftest import OUTPUT, Scene, check_nothing_left

ELSEWHERE = {**OUTPUT, "file": "../../../etc/passwd"}
OTHER_CONTRACT = {**HELLO, "contract": 999, "news": True}
FOREIGN_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\x7f" + bytes(44)
"""A program of a processor that nobody builds."""

SAYS = {
    "The runner is killed for want of memory": f"{saying(HELLO)}; kill -9 $$",
    "The runner crashes": f"{saying(HELLO)}; echo boom >&2; kill -11 $$",
    "The runner ends too early": "exit 0",
    "The runner says a line that is no JSON": f"{saying(HELLO)}; echo '{{'",
    "The runner says bytes that are no text": f"{saying(HELLO)}; printf '\\377\\376\\n'",
    "The runner says an event that is none": f"{saying(HELLO, {'kind': 'news'})}",
    "The runner says a line of 2 MB": f"{saying(HELLO)}; head -c 2000000 /dev/zero; echo",
    "The runner never ends a line": f"{saying(HELLO)}; exec cat /dev/zero",
    "The runner says nested JSON, 100,000 deep": (
        f"{saying(HELLO)}; head -c 100000 /dev/zero | tr '\\0' '['; echo"
    ),
    "The runner goes on after its end": saying(HELLO, DONE, DONE),
    "The runner is of another contract": saying(OTHER_CONTRACT),
    "The runner names an output outside its folder": saying(HELLO, ELSEWHERE),
    "The runner tells of an output that it did not write": saying(HELLO, OUTPUT, DONE),
    "An output is shorter than told": (
        f"mkdir -p runs/one; echo >{OUTPUT['file']}; {saying(HELLO, OUTPUT, DONE)}"
    ),
    "An output is longer than told": (
        f"mkdir -p runs/one; head -c 600000 /dev/zero >{OUTPUT['file']}; "
        f"{saying(HELLO, OUTPUT, DONE)}"
    ),
}


@pytest.mark.parametrize("fault", SAYS)
def test_what_a_runner_does(
    local: LocalTransport, make_scene: Callable[..., Scene], fault: str
) -> None:
    scene = make_scene(SAYS[fault].replace("; echo '", "\necho '"))
    scene.check(fault, scene.run(local))
    check_nothing_left(local)


@pytest.mark.parametrize(
    ("fault", "version"),
    [
        ("The runner's version is of another contract", {"contract": 9, "runner_version": "9"}),
        ("The runner's version is rubbish", "rubbish"),
    ],
)
def test_what_a_runner_says_of_itself(
    local: LocalTransport, make_scene: Callable[..., Scene], fault: str, version: object
) -> None:
    scene = make_scene(version=version)
    scene.check(fault, scene.run(local))
    check_nothing_left(local)


def test_a_runner_for_another_processor(local: LocalTransport, scene: Scene) -> None:
    loader = scene.package.folder / LOADER
    loader.write_bytes(FOREIGN_ELF)
    file = PackageFile(LOADER, len(FOREIGN_ELF), hash_file(loader), 0o755)
    package = replace(scene.package, files=(file, *scene.package.files[1:]))
    foreign = replace(scene, package=package)
    scene.check("The runner is for another processor", foreign.run(local))
    check_nothing_left(local)


def corrupt(session: Session) -> None:
    model = Path(session.launcher.root, "bundle/litert/joint.tflite")
    with model.open("r+b") as file:
        file.write(b"X")


def test_a_file_that_is_corrupted_after_the_push(local: LocalTransport, scene: Scene) -> None:
    scene.check("A file is corrupted after the push", scene.run(local, corrupt))
    check_nothing_left(local)


def test_two_harnesses_at_once(local: LocalTransport, scene: Scene) -> None:
    errors = []

    def open_another(_: Session) -> None:
        errors.append(replace(scene, lock_wait_s=0.5).run(LocalTransport(Path(local.base))))

    assert scene.run(local, open_another) is None
    assert isinstance(errors[0], DeviceHeld)
    scene.check("Another session uses the device", errors[0])
    check_nothing_left(local)


class Lying(LocalTransport):
    """A device that answers one kind of command with something else."""

    def __init__(self, folder: Path, lies_to: str, answer: bytes) -> None:
        super().__init__(folder)
        self._lies_to, self._answer = lies_to, answer

    def shell(self, argv: Sequence[str], timeout_s: float = SHELL_TIMEOUT_S) -> Completed:
        completed = super().shell(argv, timeout_s)
        is_asked = self._lies_to in (argv[0], argv[2] if len(argv) > 2 else "")
        if is_asked or any(self._lies_to in word for word in argv[2:3]):
            return replace(completed, stdout=self._answer)
        return completed

    def lines(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> Lines:
        sh, option, script, *words = argv
        if self._lies_to in script:
            octal = "".join(f"\\{byte:03o}" for byte in self._answer)
            script = f"({script}) >/dev/null\nprintf '{octal}'"
        return super().lines([sh, option, script, *words], silence_s)


ROOM = b"Filesystem 1K-blocks Used Available Use% Mounted on\nx 9 9 9000000 1% /\n%\n"

LIES = {
    "The device says rubbish of its store": ("df -k", ROOM + b"\xffrubbish\n%\n\xff\n%\n"),
    "The device says only part of what its store has": ("df -k", ROOM + b"\n%\n"),
    "The device says rubbish of its free space": ("df -k", b"plenty\n%\n%\n%\n"),
    "The device says that it has no space": (
        "df -k", ROOM.replace(b"9000000 1%", b"0 100%") + b"%\n%\n",
    ),
    "The device says rubbish of hashes": ("sha256sum", b"a\0b\0c"),
    "The device says other hashes": ("sha256sum", b"\0" + b"0" * 64 + b"  x\n\0"),
    "The device says rubbish of published files": ("fsync", b"\0\0../../x"),
}  # fmt: skip


@pytest.mark.parametrize("fault", LIES)
def test_what_a_device_says(local: LocalTransport, scene: Scene, fault: str) -> None:
    lies_to, answer = LIES[fault]
    scene.check(fault, scene.run(Lying(Path(local.base), lies_to, answer)))
    check_nothing_left(local)
