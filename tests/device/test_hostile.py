"""Devices and manifests that mean harm: what they say is data, within limits, or an error."""

import json
import string
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput, DeviceTrouble
from taskzip.contracts.events import Output
from taskzip.contracts.progress import Silent
from taskzip.device.conditions import Setting, read_conditions
from taskzip.device.errors import CommandFailed, TransferFailed
from taskzip.device.launch import check_version, parse_event
from taskzip.device.manifest import bundle_items
from taskzip.device.parse.files import parse_hashes, parse_states
from taskzip.device.parse.memory import parse_meminfo
from taskzip.device.parse.power import parse_battery_percent, parse_temperature_millicelsius
from taskzip.device.parse.properties import parse_properties
from taskzip.device.parse.sections import split_sections
from taskzip.device.parse.served import parse_served
from taskzip.device.parse.storage import parse_available
from taskzip.device.push import push_items
from taskzip.device.session import open_session
from taskzip.device.stamp import format_stamp, parse_stamp
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Completed
from taskzip.device.transport.stream import Command, Limits, Lines, collect
from tests.device.conftest import DONE, HELLO, MakePackage, saying

RECORDINGS = Path(__file__).parents[1] / "recordings"
STATE = "5|81a4|10|2026-01-01 00:00:00.000000001 +0000|2026-01-02 x|"
HASH = "a" * 64
SAID = (
    *(path.read_text(encoding="utf-8") for path in sorted(RECORDINGS.glob("*.txt"))),
    *("", "a\0b\0c", f"{HASH}  name\n", f"{STATE}{HASH}\n", json.dumps(HELLO), json.dumps(DONE)),
    f"taskzip store 1\n3|{STATE}{HASH}\n",
    "level: 57\nscale: 100\n",
    "emulator-5554 device model:x\n",
    '{"contract": 1e999, "runner_version": []}',
)
"""What devices say; the beginning of what a hostile one says."""

CASES = pytest.mark.parametrize(
    "cases", [100, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)


def fuzzed(cases: int) -> settings:
    """So many cases, however busy the computer is."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=cases, deadline=None, database=None, suppress_health_check=checks)


@st.composite
def hostile_texts(draw: st.DrawFn) -> str:
    """Something that a device says, with something else in the place of a part of it."""
    text = draw(st.sampled_from(SAID))
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, min(len(text), begin + 20)))
    signs = st.text(st.characters() | st.sampled_from(string.printable + "\0\x1b٣²"), max_size=40)
    return text[:begin] + draw(signs | st.sampled_from(("9" * 5000, "[" * 5000))) + text[end:]


def version_of(text: str) -> str:
    return check_version(Completed("x", (), 0, text.encode(errors="replace"), b""))


def conditions_of(text: str) -> object:
    class Says:
        serial = "x"

        def shell(self, argv: list[str]) -> Completed:
            stdout = "\0".join([text] * 7) if "\0" not in text else text
            return Completed("x", tuple(argv), 0, stdout.encode(errors="replace"), b"")

    return read_conditions(Says(), Setting("phone"))


PARSERS: list[Callable[[str], object]] = [
    parse_available,
    parse_battery_percent,
    parse_hashes,
    parse_meminfo,
    parse_properties,
    parse_served,
    parse_stamp,
    parse_states,
    parse_temperature_millicelsius,
    lambda text: split_sections(text, 3),
    lambda text: parse_event("x", text.encode(errors="replace")),
    version_of,
    conditions_of,
]


@CASES
def test_parsers_know_what_they_read_or_say_that_they_do_not(cases: int) -> None:
    @fuzzed(cases)
    @given(hostile_texts())
    def holds(text: str) -> None:
        for parse in PARSERS:
            with suppress(DeviceTrouble):
                parse(text)

    holds()


@CASES
def test_a_stamp_names_nothing_but_entries(cases: int) -> None:
    @fuzzed(cases)
    @given(hostile_texts())
    def holds(text: str) -> None:
        entries = parse_stamp(text)
        assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in entries)
        assert parse_stamp(format_stamp(entries)) == entries

    holds()


@CASES
def test_a_stream_stays_within_its_limits(cases: int) -> None:
    limits = Limits(line_bytes=50, stream_bytes=300)

    @fuzzed(cases)
    @given(st.lists(st.binary(max_size=60), max_size=12))
    def holds(chunks: list[bytes]) -> None:
        command = Command.of("x", ["cmd"])
        with suppress(DeviceTrouble):
            assert all(len(line) <= 50 for line in Lines(command, iter_of(chunks), limits))
        with suppress(DeviceTrouble):
            assert len(collect(command, iter_of(chunks), 100).stdout) <= 100

    holds()


def iter_of(chunks: list[bytes]):
    yield from chunks


@st.composite
def hostile_manifests(draw: st.DrawFn, manifest: str) -> str:
    """A manifest with another value somewhere in it."""
    data = json.loads(manifest)
    paths = st.sampled_from(("../x", "/etc/passwd", "a b", "a\n", "$(x)", "-rf", ".", "a//b", "a'"))
    value = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | paths
    place: Any = data
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 9)) == 0:
            place[key] = draw(value | st.lists(value, max_size=2) | st.just(inner))
            return json.dumps(data)
        place = inner


@CASES
def test_a_manifest_is_refused_or_stays_in_its_folder(bundle_dir: Path, cases: int) -> None:
    manifest = (bundle_dir / BUNDLE_FILE).read_text()
    allowed = set(string.ascii_letters + string.digits + "._+-/")

    @fuzzed(cases)
    @given(hostile_manifests(manifest))
    def holds(text: str) -> None:
        with suppress(BadInput):
            bundle = Bundle.parse(text, "fuzzed")
            for path in (file.path for file in (*bundle.models, *bundle.data)):
                assert set(path) <= allowed
                assert path[0] not in "-./"
                assert not {"", ".", ".."} & set(path.split("/"))

    holds()


def test_a_manifest_that_nests_without_end_is_refused() -> None:
    with pytest.raises(BadInput):
        Bundle.parse("[" * 100_000, "bundle.json")


def test_a_bundle_edited_by_hand_is_refused_and_leaves_nothing_on_the_device(
    bundle_dir: Path, local: LocalTransport
) -> None:
    golden = bundle_dir / "golden" / "x.in0.bin"
    golden.write_bytes(bytes(len(golden.read_bytes())) + b" ")
    with pytest.raises(BadInput, match=r"x\.in0\.bin is not what its manifest says"):
        push_items(local, f"{local.base}/taskzip", bundle_items(bundle_dir), Silent())
    assert not [each for each in Path(local.base).rglob("*") if each.is_file()]


def test_a_link_that_leads_out_of_a_bundle_is_refused(bundle_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_bytes(bytes(16))
    golden = bundle_dir / "golden" / "x.in0.bin"
    golden.unlink()
    golden.symlink_to(tmp_path / "private")
    with pytest.raises(BadInput, match="link to outside the bundle"):
        bundle_items(bundle_dir)


@pytest.fixture
def open_local_session(local: LocalTransport, make_package: MakePackage, bundle_dir: Path, spec):
    """Opens a session with a runner that runs the given shell text."""

    @contextmanager
    def open_it(text: str):
        package = make_package(text)
        with open_session(
            local, package, bundle_dir, keep_pushed=False, progress=Silent()
        ) as session:
            yield session, spec

    return open_it


@pytest.mark.parametrize("what", ["ln -s /etc/passwd", "ln -s /dev/zero", "mkfifo"])
def test_what_a_runner_leaves_in_place_of_an_output_is_not_followed(
    open_local_session, what: str
) -> None:
    output = {"kind": "output", "task": "a", "name": "y", "file": "runs/one/a.out0.bin", "bytes": 9}
    text = f"mkdir -p runs/one; {what} runs/one/a.out0.bin\n{saying(HELLO, output, DONE)}"
    with open_local_session(text) as (session, spec):
        told = [event.file for event in session.run(spec) if isinstance(event, Output)]
        with pytest.raises(TransferFailed, match=r"left no file runs/one/a\.out0\.bin"):
            session.fetch(told[0])


def test_what_a_device_says_cannot_steer_a_terminal(open_local_session) -> None:
    steering = r"printf '\033]0;title\007\033[2J' >&2"
    failure = json.dumps({"kind": "failure", "code": "x", "message": "\x1b[2J"})
    text = f"{steering}\n{saying(HELLO)}\nprintf '%s\\n' '{failure}'"
    with pytest.raises(DeviceTrouble) as error, open_local_session(text) as (session, spec):
        list(session.run(spec))
    assert str(error.value).isprintable()
    assert str(CommandFailed("x", ["y"], 1, "\x1b[2J\r\n\x07")).isprintable()
