"""What every transport does: a folder of this computer, and the emulated device, reached directly
and through an adb server."""

import os
import time
from pathlib import Path

import pytest

from taskzip.contracts.errors import DeviceTrouble
from taskzip.device.errors import CommandFailed, ConnectionLost, TookTooLong, TransferFailed
from taskzip.device.transport.protocol import Transport

pytestmark = pytest.mark.parametrize(
    "open_transport",
    ["local", *(pytest.param(name, marks=pytest.mark.device) for name in ("adb", "served"))],
    indirect=True,
)

HOSTILE_WORDS = ("$(exit 3)", "; exit 3", "'", '"', "*", "a\nb", "\\", "`exit 3`", "é", "-n", "")


def script(text: str, *arguments: str) -> list[str]:
    return ["sh", "-c", text, "script", *arguments]


def test_a_command_tells_exit_code_output_and_errors_apart(transport: Transport) -> None:
    done = transport.shell(script("echo out; echo err >&2; exit 7"))
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"out\n", b"err")


@pytest.mark.parametrize(
    "output", [b"", b"no line end", b"\n", b"\n\n", b"\0\1\377\r\n\x04\x1b[0m"]
)
def test_output_arrives_byte_by_byte_as_it_was_written(transport: Transport, output: bytes) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in output)
    assert transport.shell(["printf", octal]).checked().stdout == output


def test_words_reach_the_command_as_they_are(transport: Transport) -> None:
    said = transport.shell(script(r"printf '%s\0' \"$@\"".replace(r"\"", '"'), *HOSTILE_WORDS))
    assert said.checked().stdout.decode().split("\0")[:-1] == list(HOSTILE_WORDS)


def test_a_command_cannot_forge_its_exit_code_by_showing_the_wrapper(transport: Transport) -> None:
    done = transport.shell(script("cat /proc/$PPID/cmdline /proc/*/cmdline 2>/dev/null; exit 5"))
    assert done.exit_code == 5
    assert b"printf %s" in done.stdout


def test_a_missing_command_is_an_exit_code_not_a_lost_connection(transport: Transport) -> None:
    done = transport.shell(["no-such-command"])
    assert done.exit_code == 127
    assert b"not found" in done.stderr
    with pytest.raises(CommandFailed, match=r"no-such-command.*exit code 127") as error:
        done.checked()
    assert (error.value.command_exit_code, error.value.exit_code) == (127, DeviceTrouble.exit_code)


def test_a_killed_command_has_the_signals_exit_code(transport: Transport) -> None:
    done = transport.shell(script("kill -9 $$"))
    assert (done.exit_code, done.stdout) == (137, b"")


def test_standard_input_is_empty(transport: Transport) -> None:
    assert transport.shell(["cat"], timeout_s=30.0).checked().stdout == b""


def test_a_silent_command_is_given_up_and_the_next_one_works(transport: Transport) -> None:
    with pytest.raises(TookTooLong, match="sleep"):
        transport.shell(["sleep", "60"], timeout_s=0.5)
    assert transport.shell(["echo", "next"]).checked().stdout == b"next\n"


def test_a_chatty_command_is_given_up_too(transport: Transport) -> None:
    with pytest.raises(TookTooLong):
        transport.shell(script("while :; do echo x; sleep 0.1; done"), timeout_s=1.0)


def test_lines_come_while_the_command_runs(transport: Transport) -> None:
    began = time.monotonic()
    stream = transport.lines(script("echo one; echo two; sleep 60"), silence_s=30.0)
    assert [next(stream), next(stream)] == [b"one", b"two"]
    assert stream.completed is None
    stream.close()
    assert time.monotonic() - began < 30


def test_lines_end_with_exit_code_and_errors(transport: Transport) -> None:
    stream = transport.lines(script("echo one; printf two; echo why >&2; exit 9"))
    assert list(stream) == [b"one", b"two"]
    assert stream.completed is not None
    assert (stream.completed.exit_code, stream.completed.stderr) == (9, b"why")


def test_a_closed_stream_ends_its_command(transport: Transport) -> None:
    stream = transport.lines(script("echo $$; exec sleep 600"))
    pid = next(stream).decode()
    stream.close()
    ended = script('sleep 2; [ ! -e "/proc/$1" ] || grep "^State:.Z" "/proc/$1/status"', pid)
    assert transport.shell(ended).exit_code == 0


def test_silence_between_lines_is_given_up(transport: Transport) -> None:
    stream = transport.lines(script("echo one; sleep 60"), silence_s=1.0)
    assert next(stream) == b"one"
    with pytest.raises(TookTooLong):
        next(stream)


def test_a_stream_that_breaks_off_is_a_lost_connection(transport: Transport) -> None:
    stream = transport.lines(script("echo one; kill -9 0"))
    with pytest.raises(ConnectionLost, match="no exit code"):
        list(stream)


def test_other_commands_run_beside_an_open_stream(transport: Transport) -> None:
    stream = transport.lines(
        script('echo $$; while [ ! -e "$1/go" ]; do sleep 0.05; done; echo end', transport.base)
    )
    next(stream)
    assert transport.shell(["echo", "beside"]).checked().stdout == b"beside\n"
    transport.shell(script(': >"$1/go"', transport.base)).checked()
    assert list(stream) == [b"end"]


def test_files_travel_both_ways_unchanged(transport: Transport, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    local, back = tmp_path / "file", tmp_path / "back"
    local.write_bytes(content)
    moved: list[int] = []
    transport.push(local, f"{transport.base}/new folder/file", moved.append)
    transport.pull(f"{transport.base}/new folder/file", back)
    assert back.read_bytes() == content
    assert sum(moved) == len(content)


def test_an_interrupted_push_leaves_the_connection_usable(
    transport: Transport, tmp_path: Path
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "file").write_bytes(bytes(3_000_000))
    with pytest.raises(KeyboardInterrupt):
        transport.push(tmp_path / "file", f"{transport.base}/file", interrupt)
    assert transport.shell(["echo", "next"]).checked().stdout == b"next\n"


def test_an_empty_file_travels(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    transport.push(tmp_path / "empty", f"{transport.base}/empty")
    transport.pull(f"{transport.base}/empty", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_a_file_that_is_too_long_is_not_pulled(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    transport.push(tmp_path / "file", f"{transport.base}/file")
    with pytest.raises(TransferFailed, match=r"file|more"):
        transport.pull(f"{transport.base}/file", tmp_path / "back", max_bytes=99_999)
    assert transport.shell(["echo", "next"]).checked().stdout == b"next\n"


def test_a_missing_file_cannot_be_pulled(transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(TransferFailed, match="No such file"):
        transport.pull(f"{transport.base}/absent", tmp_path / "back")
    assert transport.shell(["echo", "next"]).checked().stdout == b"next\n"


def test_a_missing_local_file_cannot_be_pushed(transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(TransferFailed, match="absent"):
        transport.push(tmp_path / "absent", f"{transport.base}/absent")


def test_a_folder_cannot_be_overwritten_by_a_file(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    transport.shell(["mkdir", "-p", f"{transport.base}/folder/inner"]).checked()
    with pytest.raises(DeviceTrouble):
        transport.push(tmp_path / "file", f"{transport.base}/folder")


def test_a_transport_may_be_closed_twice(transport: Transport) -> None:
    transport.close()
    transport.close()
