"""A session from its lock to its last removed file, over every transport."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskzip.contracts.bundle import BUNDLE_FILE
from taskzip.contracts.events import Done, Event, Failure, Hello
from taskzip.contracts.names import CONTRACT_VERSION
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import ChangedOnDevice, Mismatch, RunnerFailed, TookTooLong
from taskzip.device.manifest import hash_file
from taskzip.device.session import Session, open_session
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport

HELLO = (
    f'{{"kind":"hello","contract":{CONTRACT_VERSION},"runner_version":"double",'
    '"runtime":"litert","runtime_version":"0","pid":1}'
)
DONE = '{"kind":"done","packed_cache_bytes":0}'


def echo(*lines: str) -> str:
    return "\n".join(f"echo '{line}'" for line in lines)


class Sessions:
    """Opens sessions with a runner that runs a given shell text."""

    def __init__(self, make_package, bundle_dir: Path) -> None:
        self._make_package, self._bundle_dir = make_package, bundle_dir

    @contextlib.contextmanager
    def open(
        self, transport: Transport, text: str = "", *, keep: bool = False, **options: object
    ) -> Iterator[Session]:
        version = options.pop("version", {"contract": CONTRACT_VERSION, "runner_version": "double"})
        package = self._make_package(text, version)
        with open_session(
            transport, package, self._bundle_dir, keep_pushed=keep, progress=Silent(), **options
        ) as session:
            yield session


@pytest.fixture
def sessions(make_package, bundle_dir: Path) -> Sessions:
    return Sessions(make_package, bundle_dir)


def left_behind(transport: Transport) -> list[str]:
    found = transport.shell(["find", transport.base, "-mindepth", "1", "!", "-type", "d"])
    return sorted(
        path.removeprefix(f"{transport.base}/") for path in found.checked().text.splitlines()
    )


def test_a_run_gives_the_runners_events(
    transport: Transport, sessions: Sessions, spec: RunSpec
) -> None:
    with sessions.open(transport) as session:
        kinds = [event.kind for event in session.run(spec)]
        again = [event.kind for event in session.run(spec)]
    assert kinds == again == ["hello", "done"]
    assert session.runner_version == "double"


def test_the_runner_finds_spec_bundle_and_itself_in_its_working_folder(
    transport: Transport, sessions: Sessions, spec: RunSpec
) -> None:
    text = f"""
{echo(HELLO)}
[ -f bundle/litert/joint.tflite ] && [ -x runner/bin/taskzip-runner ] || exit 4
mkdir -p runs/one && cp "$1" runs/one/a.out0.bin
size=$(wc -c <"$1")
echo '{{"kind":"output","task":"a","name":"y","file":"runs/one/a.out0.bin","bytes":'$size'}}'
{echo(DONE)}"""
    with sessions.open(transport, text) as session:
        events = list(session.run(spec))
        content = session.fetch("runs/one/a.out0.bin")
    assert RunSpec.model_validate_json(content) == spec
    assert isinstance(events[-1], Done)


def test_nothing_is_left_behind(transport: Transport, sessions: Sessions, spec: RunSpec) -> None:
    with sessions.open(transport, f"mkdir -p runs; echo x >runs/x; {echo(HELLO, DONE)}") as session:
        list(session.run(spec))
    assert left_behind(transport) == []
    assert transport.shell(["ls", transport.base]).checked().stdout == b""


def names_of(*folders: Path) -> set[str]:
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {hash_file(path) for path in files if path.name != BUNDLE_FILE}


def test_pushed_files_may_stay_and_are_not_pushed_again(
    transport: Transport, sessions: Sessions, spec: RunSpec, bundle_dir: Path, tmp_path: Path
) -> None:
    writing = f"mkdir -p packed/x; echo x >packed/x/y; {echo(HELLO, DONE)}"
    with sessions.open(transport, writing, keep=True) as first:
        list(first.run(spec))
    assert left_behind(transport) == sorted(
        f"taskzip/store/{name}" for name in (".stamp", *names_of(bundle_dir, tmp_path / "package"))
    )
    with sessions.open(transport, writing) as second:
        assert (second.pushed.files, second.pushed.skipped_files) == (0, 4)
        assert second.pushed.skipped_bytes == first.pushed.bytes
        list(second.run(spec))
    assert left_behind(transport) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_is_ended_and_nothing_is_left_behind(
    transport: Transport,
    sessions: Sessions,
    spec: RunSpec,
    interruption: type[BaseException],
) -> None:
    def run_until_interrupted() -> None:
        text = f"echo $$ >'{transport.base}/pid'; {echo(HELLO)}; exec sleep 600"
        with sessions.open(transport, text) as session:
            assert isinstance(next(session.run(spec)), Hello)
            raise interruption

    with pytest.raises(interruption):
        run_until_interrupted()
    ended = '[ ! -e "/proc/$(cat "$1")" ] || grep "^State:.Z" "/proc/$(cat "$1")/status"'
    assert transport.shell(["sh", "-c", ended, "x", f"{transport.base}/pid"]).exit_code == 0
    assert left_behind(transport) == ["pid"]


def test_a_failure_is_passed_on_and_raised_with_its_code(
    local: LocalTransport, sessions: Sessions, spec: RunSpec
) -> None:
    failure = '{"kind":"failure","code":"open_failed","message":"no such entry"}'
    seen: list[Event] = []
    with (
        pytest.raises(RunnerFailed, match=r"open_failed: no such entry; it also said: detail") as e,
        sessions.open(local, f"{echo(HELLO, failure)}; echo detail >&2; exit 1") as session,
    ):
        seen.extend(session.run(spec))
    assert e.value.code == "open_failed"
    assert seen[-1] == Failure(code="open_failed", message="no such entry")
    assert left_behind(local) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (echo(HELLO) + "\necho boom >&2; exit 3", r"broke off.*after `hello`.*code 3.*said: boom"),
        (echo(HELLO) + "\nkill -9 $$", r"exit code 137, killed: too little memory\?"),
        ("exit 0", r"broke off in run one after no event"),
        (echo(HELLO, DONE) + "\nexit 1", r"broke off in run one after `done` \(exit code 1"),
        ("echo hi", r"no event: 'hi'"),
        (echo(HELLO, '{"kind":"surprise"}'), r"no event: .*surprise"),
        (echo(HELLO, '{"kind":"done","packed_cache_bytes":-1}'), r"no event: .*-1"),
        ("head -c 3000 /dev/urandom; echo", r"no event"),
        (echo(DONE), r"first event, and no other, should be `hello`.*`done` after nothing"),
        (echo(HELLO, HELLO), r"`hello` after `hello`"),
        (echo(HELLO, DONE, DONE), r"said `done` after `done`"),
        (echo(HELLO.replace("litert", "executorch")), r"executorch, it was asked for litert"),
        ("exec cat /dev/zero", r"a line of more than \d+ bytes"),
    ],
)
def test_what_a_runner_must_not_say_is_an_error_that_shows_it(
    local: LocalTransport, sessions: Sessions, spec: RunSpec, text: str, message: str
) -> None:
    with pytest.raises(Exception, match=message) as error, sessions.open(local, text) as session:
        list(session.run(spec))
    assert getattr(error.value, "exit_code", None) == 3
    assert left_behind(local) == []


def test_a_silent_runner_is_given_up_and_ended(
    local: LocalTransport, sessions: Sessions, spec: RunSpec
) -> None:
    with (
        pytest.raises(TookTooLong, match="silent"),
        sessions.open(local, f"{echo(HELLO)}; sleep 600", silence_s=0.5) as session,
    ):
        list(session.run(spec))
    assert left_behind(local) == []


def test_a_failed_run_leaves_the_session_usable(
    local: LocalTransport, sessions: Sessions, spec: RunSpec
) -> None:
    failure = '{"kind":"failure","code":"open_failed","message":"no such entry"}'
    failing_once = f"[ -e once ] || {{ : >once; {echo(failure)}; exit 1; }}; {echo(HELLO, DONE)}"
    with sessions.open(local, failing_once.replace("\n", "; ")) as session:
        with pytest.raises(RunnerFailed, match="no such entry"):
            list(session.run(spec))
        assert [event.kind for event in session.run(spec)] == ["hello", "done"]


def test_after_a_run_that_broke_off_the_session_is_over(
    local: LocalTransport, sessions: Sessions, spec: RunSpec
) -> None:
    with sessions.open(local, f"{echo(HELLO)}; echo rubbish; sleep 600") as session:
        with pytest.raises(RunnerFailed, match="rubbish"):
            list(session.run(spec))
        with pytest.raises(RunnerFailed, match="start again"):
            list(session.run(spec))


@pytest.mark.parametrize("says", [{"contract": 999, "runner_version": "9"}])
def test_a_runner_of_another_version_is_refused_and_both_versions_named(
    transport: Transport, sessions: Sessions, says: object
) -> None:
    says_both = rf"version 9.*contract 999.*harness speaks contract {CONTRACT_VERSION}"
    with (
        pytest.raises(Mismatch, match=says_both),
        sessions.open(transport, version=says),
    ):
        pytest.fail("the session must not open")
    assert left_behind(transport) == []


def test_a_hello_of_another_version_is_a_mismatch_even_if_its_fields_differ(
    local: LocalTransport, sessions: Sessions, spec: RunSpec
) -> None:
    hello = '{"kind":"hello","contract":7,"runner_version":"9","news":true}'
    with pytest.raises(Mismatch, match="contract 7"), sessions.open(local, echo(hello)) as session:
        list(session.run(spec))


@pytest.mark.parametrize("says", ["rubbish", {"contract": "x"}, [], {}])
def test_a_version_that_nobody_understands_is_refused(
    local: LocalTransport, sessions: Sessions, says: object
) -> None:
    with (
        pytest.raises(RunnerFailed, match="should tell its version"),
        sessions.open(local, version=says),
    ):
        pytest.fail("the session must not open")


def check_that_tampering_stops_the_run(
    transport: Transport, sessions: Sessions, spec: RunSpec, tampering: str
) -> None:
    with sessions.open(transport) as session:
        model = f"{session.launcher.root}/bundle/litert/joint.tflite"
        transport.shell(["sh", "-c", tampering, "x", model]).checked()
        with pytest.raises(ChangedOnDevice, match="changed on the device"):
            list(session.run(spec))
    assert left_behind(transport) == []


def test_a_file_that_changes_between_push_and_run_stops_the_run(
    transport: Transport, sessions: Sessions, spec: RunSpec
) -> None:
    same_size_and_time = (
        'cp -p "$1" "$1.o"; printf J | dd of="$1" conv=notrunc 2>/dev/null; touch -r "$1.o" "$1"'
    )
    check_that_tampering_stops_the_run(transport, sessions, spec, same_size_and_time)


@pytest.mark.parametrize(
    "tampering",
    ['echo x >>"$1"', 'touch "$1"', 'rm "$1"', 'cp "$1" "$1.2"; mv "$1.2" "$1"', 'chmod 600 "$1"'],
)
def test_every_change_between_push_and_run_stops_the_run(
    local: LocalTransport, sessions: Sessions, spec: RunSpec, tampering: str
) -> None:
    check_that_tampering_stops_the_run(local, sessions, spec, tampering)


def test_an_output_of_another_size_than_told_is_refused(
    local: LocalTransport, sessions: Sessions, spec: RunSpec
) -> None:
    output = '{"kind":"output","task":"a","name":"y","file":"runs/one/a.out0.bin","bytes":16}'
    text = (
        f"{echo(HELLO, output)}; mkdir -p runs/one; echo short >runs/one/a.out0.bin; {echo(DONE)}"
    )
    with sessions.open(local, text) as session:
        list(session.run(spec))
        with pytest.raises(Exception, match=r"a\.out0\.bin has 6 bytes, the runner said 16"):
            session.fetch("runs/one/a.out0.bin")
