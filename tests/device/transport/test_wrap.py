"""Taking a wrapped command's stream apart, however it was cut."""

import subprocess
from collections.abc import Generator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.contracts.errors import DeviceTrouble
from taskzip.device.errors import ConnectionLost
from taskzip.device.transport.stream import Command, Limits, Lines, collect
from taskzip.device.transport.wrap import BrokenTrailer, wrap

COMMAND = Command.of("test", ["cmd"])


def stream_of(stdout: bytes, exit_code: int, stderr: bytes) -> bytes:
    wrapped = COMMAND.wrapped
    return stdout + wrapped.mark + b":%d:\n" % exit_code + stderr + wrapped.end + b".\n"


def chunked(data: bytes, cuts: list[int]) -> Generator[bytes, None, None]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in pairwise(edges):
        yield data[begin:end]


@given(st.binary(), st.integers(0, 255), st.binary(), st.lists(st.integers(0, 10_000)))
def test_output_code_and_errors_come_back_whole(
    stdout: bytes, exit_code: int, stderr: bytes, cuts: list[int]
) -> None:
    data = stream_of(stdout, exit_code, stderr)
    done = collect(COMMAND, chunked(data, cuts))
    assert (done.stdout, done.exit_code, done.stderr) == (stdout, exit_code, stderr)


@given(st.binary(), st.binary(), st.lists(st.integers(0, 10_000)))
def test_lines_do_not_depend_on_where_the_stream_was_cut(
    stdout: bytes, stderr: bytes, cuts: list[int]
) -> None:
    lines = Lines(COMMAND, chunked(stream_of(stdout, 3, stderr), cuts))
    *whole, last = stdout.split(b"\n")
    assert list(lines) == ([*whole, last] if last else whole)
    assert lines.completed is not None
    assert (lines.completed.exit_code, lines.completed.stderr) == (3, stderr)


@given(st.binary(), st.binary(), st.integers(1, 10_000))
def test_a_stream_that_lacks_its_end_is_never_taken_for_whole(
    stdout: bytes, stderr: bytes, missing: int
) -> None:
    data = stream_of(stdout, 0, stderr)
    cut = data[: max(0, len(data) - missing)]
    with pytest.raises(ConnectionLost):
        collect(COMMAND, chunked(cut, []))
    with pytest.raises(ConnectionLost):
        list(Lines(COMMAND, chunked(cut, [])))


@given(st.binary(max_size=200))
def test_rubbish_is_a_broken_trailer(data: bytes) -> None:
    with pytest.raises(BrokenTrailer):
        COMMAND.wrapped.split(data)


@pytest.mark.parametrize("data", [b"x" * 1000, b"y\n" * 1000])
def test_limits_hold_for_lines_and_for_the_whole(data: bytes) -> None:
    small = Limits(line_bytes=100, stream_bytes=500)
    with pytest.raises(DeviceTrouble, match="more than"):
        list(Lines(COMMAND, chunked(stream_of(data, 0, b""), [50, 100, 300]), small))
    with pytest.raises(DeviceTrouble, match="output of more than 10 bytes"):
        collect(COMMAND, chunked(data, []), limit=10)


def test_the_wrappers_text_does_not_hold_its_own_marks() -> None:
    wrapped = wrap(["x"])
    assert wrapped.mark.decode() not in wrapped.command
    assert wrapped.end.decode() not in wrapped.command
    assert wrap(["x"]).mark != wrapped.mark


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_every_shell_of_this_computer_agrees(shell: str) -> None:
    wrapped = wrap(["sh", "-c", "printf out; printf 'e\\n\\\\n' >&2; exit 200"])
    done = subprocess.run([shell, "-c", wrapped.command], capture_output=True, check=False)
    assert wrapped.split(done.stdout) == (b"out", 200, b"e\n\\n")


def test_no_words_are_no_command() -> None:
    with pytest.raises(ValueError, match="at least one word"):
        wrap([])
