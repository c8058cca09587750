from math import log
from typing import Any

import pytest

from taskzip.benchmarks.nightly.causes import Sessions, name_causes
from taskzip.contracts.history import Entry, Series
from tests.benchmarks.compare.conftest import EMULATED, row

JOINT = Series(
    subject="s", role="candidate", device="d", runtime="litert", deployment="joint", cache="warm",
    packed_cache=False, metric="switch_ns",
)  # fmt: skip
SLOWER = log(1.03)
SEPARATE = JOINT.model_copy(update={"deployment": "separate-swap"})


def entry(files: str = "0", versions: dict[str, str] | None = None, **conditions: Any) -> Entry:
    return Entry(
        subject="s",
        conditions=EMULATED.model_copy(update=conditions),
        bundle_sha256=files * 64,
        versions=versions or {"litert-torch": "0.10", "taskzip": "1"},
        rows=(row([1] * 6),),
    )


def again(newer: Entry, good: float, exported: float | None = None, *changed: str) -> Sessions:
    """A night that is 3 % slower, with the last good files run again."""
    return Sessions(entry(), newer, SLOWER, 0.005, good, exported, changed)


@pytest.mark.parametrize(
    ("conditions", "cause"),
    [
        ({"runtime_versions": {"litert": "2.4.0"}}, "runtime"),
        ({"runner_version": "2"}, "runner"),
        ({"kernel": "7.0"}, "os"),
        ({"android_version": "17"}, "os"),
        ({"cpu_model": "cortex-a76"}, "device"),
        ({"serial": "127.0.0.1:6000", "temperature_millicelsius": 40_000}, "unknown"),
    ],
)
def test_equal_files_leave_what_is_around_them(conditions: dict[str, Any], cause: str) -> None:
    causes, evidence = name_causes(JOINT, Sessions(entry(), entry(**conditions)))
    assert causes == (cause,)
    assert evidence[0] == "the model files are the same"


def test_another_runtime_that_is_not_the_rows_own_is_no_cause() -> None:
    versions = {"runtime_versions": {"litert": "2.3.0", "executorch": "9"}}
    assert name_causes(JOINT, Sessions(entry(), entry(**versions)))[0] == ("unknown",)


def test_a_new_exporter_is_named_when_the_last_good_files_are_still_good() -> None:
    newer = entry("1", {"litert-torch": "0.11", "taskzip": "1"}, kernel="7.0")
    for series in (JOINT, SEPARATE):
        causes, evidence = name_causes(series, again(newer, SLOWER))
        assert causes == ("exporter",)
        assert evidence[1] == "litert-torch 0.10, now 0.11"


def test_other_joint_files_of_the_same_exporter_are_the_zippers() -> None:
    assert name_causes(JOINT, again(entry("1"), SLOWER))[0] == ("zipper",)
    separate, evidence = name_causes(SEPARATE, again(entry("1"), SLOWER))
    assert separate == ("unknown",)
    assert "other networks?" in evidence[-1]


def test_files_are_innocent_when_the_last_good_ones_are_as_slow() -> None:
    newer = entry("1", {"litert-torch": "0.11"}, kernel="7.0")
    causes, evidence = name_causes(JOINT, again(newer, log(1.001)))
    assert causes == ("os",)
    assert evidence == ("+0.10 % to the last good files, run again tonight", "kernel None, now 7.0")


def test_without_the_last_good_files_all_that_changed_is_named() -> None:
    newer = entry("1", {"litert-torch": "0.11", "taskzip": "1"}, kernel="7.0")
    assert name_causes(JOINT, Sessions(entry(), newer))[0] == ("exporter", "os")


@pytest.mark.parametrize(
    ("exported", "changed", "causes"),
    [
        (SLOWER, ("taskzip",), ("exporter",)),
        (0.0, ("[zip]",), ("zipper",)),
        (0.0, ("weights of digits", "data.py"), ("networks",)),
        (0.0, ("weights of digits", "taskzip"), ("networks", "zipper")),
        (0.0, (), ("zipper",)),
        (SLOWER / 2, ("taskzip",), ("exporter", "zipper")),
    ],
)
def test_what_a_new_export_of_the_last_good_zip_does_not_explain_is_the_zips(
    exported: float, changed: tuple[str, ...], causes: tuple[str, ...]
) -> None:
    newer = entry("1", {"litert-torch": "0.11", "taskzip": "1"})
    named, evidence = name_causes(JOINT, again(newer, SLOWER, exported, *changed))
    assert named == causes
    assert "of the last good zip, exported again tonight" in evidence[1]


def test_separate_files_are_their_networks_and_the_exporters() -> None:
    same, other = ("taskzip",), ("weights of digits",)
    named = [
        name_causes(SEPARATE, again(entry("1"), SLOWER, SLOWER, *changed))[0]
        for changed in (same, other)
    ]
    assert named == [("exporter",), ("networks",)]
