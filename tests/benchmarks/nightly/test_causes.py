from typing import Any

import pytest

from taskzip.benchmarks.nightly.causes import Sessions, name_causes
from taskzip.contracts.history import Entry, Series
from tests.benchmarks.compare.conftest import EMULATED, row

JOINT = Series(
    subject="s", role="candidate", device="d", runtime="litert", deployment="joint", cache="warm",
    packed_cache=False, metric="switch_ns",
)  # fmt: skip
SEPARATE = JOINT.model_copy(update={"deployment": "separate-swap"})


def entry(files: str = "0", versions: dict[str, str] | None = None, **conditions: Any) -> Entry:
    return Entry(
        subject="s",
        conditions=EMULATED.model_copy(update=conditions),
        bundle_sha256=files * 64,
        versions=versions or {"litert-torch": "0.10", "taskzip": "1"},
        rows=(row([1] * 6),),
    )


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
        causes, evidence = name_causes(series, Sessions(entry(), newer, 1.03, is_shown=True))
        assert causes == ("exporter",)
        assert evidence[1] == "litert-torch 0.10, now 0.11"


def test_other_joint_files_of_the_same_exporter_are_the_zippers() -> None:
    assert name_causes(JOINT, Sessions(entry(), entry("1"), 1.03, is_shown=True))[0] == ("zipper",)
    separate, evidence = name_causes(SEPARATE, Sessions(entry(), entry("1"), 1.03, is_shown=True))
    assert separate == ("unknown",)
    assert "other networks?" in evidence[-1]


def test_files_are_innocent_when_the_last_good_ones_are_as_slow() -> None:
    newer = entry("1", {"litert-torch": "0.11"}, kernel="7.0")
    causes, evidence = name_causes(JOINT, Sessions(entry(), newer, 1.001, is_shown=False))
    assert causes == ("os",)
    assert evidence == ("+0.10 % to the last good files, run again tonight", "kernel None, now 7.0")


def test_without_the_last_good_files_all_that_changed_is_named() -> None:
    newer = entry("1", {"litert-torch": "0.11", "taskzip": "1"}, kernel="7.0")
    assert name_causes(JOINT, Sessions(entry(), newer))[0] == ("exporter", "os")
