"""What the parsers make of real output, of output of other systems, and of rubbish."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.contracts.errors import DeviceTrouble
from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.fields import whole_number
from taskzip.device.parse.files import FileState, parse_hashes, parse_state, parse_states
from taskzip.device.parse.memory import DeviceMemory, parse_meminfo
from taskzip.device.parse.power import parse_battery_percent, parse_temperature_millicelsius
from taskzip.device.parse.properties import parse_properties
from taskzip.device.parse.sections import split_sections
from taskzip.device.parse.storage import parse_available

RECORDINGS = Path(__file__).parents[2] / "recordings"

# Typed after the documented forms of Android's services; no phone was at hand to record.
BATTERY = "Current Battery Service state:\n  AC powered: false\n  level: 57\n  scale: 100\n"


def recording(command: str) -> str:
    return (RECORDINGS / f"virtual.{command}.txt").read_text(encoding="utf-8")


def test_properties_of_the_emulated_device() -> None:
    properties = parse_properties(recording("getprop"))
    assert properties["ro.product.model"] == "Emulated arm64 device"
    assert properties["ro.product.cpu.abi"] == "arm64-v8a"
    assert len(properties) == recording("getprop").count("\n")


def test_a_property_may_be_empty_or_have_several_lines() -> None:
    text = "[a]: []\r\n[b.c]: [one\r\ntwo]\r\n[d]: [x [y] z]\r\n"
    assert parse_properties(text) == {"a": "", "b.c": "one\ntwo", "d": "x [y] z"}


def test_memory_of_the_emulated_device() -> None:
    assert parse_meminfo(recording("meminfo")) == DeviceMemory(483528 << 10, 457312 << 10)


@pytest.mark.parametrize(
    "text", ["", "MemTotal: 5 kB", "MemTotal: x kB\nMemAvailable: 1 kB", "MemTotal: -5 kB"]
)
def test_memory_that_is_not_told_is_trouble(text: str) -> None:
    with pytest.raises(ParseTrouble, match="meminfo"):
        parse_meminfo(text)


def test_space_of_the_emulated_device() -> None:
    assert parse_available(recording("df")) == 1029516 << 10


def test_a_long_file_system_name_takes_a_line_of_its_own() -> None:
    text = "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/a/long/name\n 9 4 5 45% /\n"
    assert parse_available(text) == 5 << 10


@pytest.mark.parametrize("text", ["", "df: /x: No such file", "Filesystem\n/dev/x 1 2"])
def test_space_that_is_not_told_is_trouble(text: str) -> None:
    with pytest.raises(ParseTrouble, match="df"):
        parse_available(text)


def test_files_of_the_emulated_device() -> None:
    states = parse_states(recording("stat"))
    folder, link = states["/data/local/tmp"], states["/system/bin/sh"]
    assert folder == FileState(
        path="/data/local/tmp",
        inode=folder.inode,
        mode=0o40755,
        bytes=4096,
        modified=folder.modified,
        changed=folder.changed,
    )
    assert (folder.is_regular, link.is_regular) == (False, False)
    assert parse_state("1|81a4|5|m|c|x").is_regular
    assert [state.line for state in states.values()] == recording("stat").splitlines()


def test_hashes_of_the_emulated_device() -> None:
    (path, sha256), *rest = parse_hashes(recording("sha256sum")).items()
    assert (path, len(sha256), rest) == ("/proc/version", 64, [])


@pytest.mark.parametrize("line", ["x", "a" * 63 + "  f", "A" * 64 + "  f", "\\" + "a" * 64 + "  f"])
def test_what_is_no_hash_is_trouble(line: str) -> None:
    with pytest.raises(ParseTrouble, match="sha256sum should name a file"):
        parse_hashes(line)


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        (BATTERY, 57),
        (BATTERY.replace("100", "200"), 28),
        ("", None),
        ("sh: dumpsys: not found", None),
        (BATTERY.replace("100", "0"), None),
        (BATTERY.replace("57", "101"), None),
        (BATTERY.replace("57", "-1"), None),
    ],
)
def test_battery(text: str, percent: int | None) -> None:
    assert parse_battery_percent(text) == percent


@pytest.mark.parametrize(
    ("text", "hottest"),
    [
        ("31000\n45500\n-273000\n0\n", 45500),
        ("", None),
        ("cat: no such file\n", None),
        ("-5000", -5000),
    ],
)
def test_temperature(text: str, hottest: int | None) -> None:
    assert parse_temperature_millicelsius(text) == hottest


def test_sections_are_counted() -> None:
    assert split_sections("a\0\0c", 3) == ["a", "", "c"]
    with pytest.raises(ParseTrouble, match="2 sections of output, not 3"):
        split_sections("a\0b", 3)


@given(st.integers(0, 2**64 - 1))
def test_whole_numbers_are_read(number: int) -> None:
    assert whole_number(str(number), "x") == number


@pytest.mark.parametrize("text", ["", "-1", "1.5", "٣", "²", "9" * 21, " 1", "1_000"])
def test_what_is_no_whole_number_is_trouble(text: str) -> None:
    with pytest.raises(ParseTrouble, match="x should be a whole number"):
        whole_number(text, "x")


LIKELY = st.text(alphabet="01af|[]: \n%kBMemTotalAvailableFilesystem-levelscale\0.", max_size=200)


@pytest.mark.parametrize(
    "parse",
    [
        parse_available,
        parse_battery_percent,
        parse_hashes,
        parse_meminfo,
        parse_properties,
        parse_states,
        parse_temperature_millicelsius,
    ],
)
@given(text=st.text() | LIKELY)
def test_rubbish_is_trouble_or_nothing_but_never_a_crash(
    parse: Callable[[str], object], text: str
) -> None:
    with suppress(DeviceTrouble):
        parse(text)


@given(st.integers(0), st.integers(0, 0xFFFF), st.integers(0, 2**64 - 1))
def test_a_state_reads_back_from_its_line(inode: int, mode: int, size: int) -> None:
    state = FileState("a/b", inode % 2**64, mode, size, "2026-01-01 00:00:00.5 +0000", "x")
    assert parse_state(state.line) == state
