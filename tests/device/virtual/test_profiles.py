"""Profiles by name, the package's and a user's."""

from pathlib import Path

import pytest

from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.errors import BadInput
from taskzip.device.select import profile_of
from taskzip.device.virtual.profile import Profile, labelled
from taskzip.device.virtual.profiles import find_profile, list_profiles, user_profiles

ABSENT = Path("no such file")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file of profiles, still to be written."""
    monkeypatch.setenv("TASKZIP_CONFIG_DIR", str(tmp_path))
    return user_profiles()


def test_the_packages_profiles_differ_and_say_what_they_are() -> None:
    known = list_profiles(ABSENT)
    assert len({each.profile.id for each in known.values()}) == len(known)
    assert all(each.description for each in known.values())
    assert known["default"].profile == Profile()


def test_microsd_reads_20_megabytes_a_second() -> None:
    profile = find_profile("microsd", ABSENT)
    assert profile.flash_read_bytes_per_second == 20_000_000
    assert profile.flash_page_ns == 819_200


def test_a_users_profile_extends_and_replaces_the_packages(own: Path) -> None:
    own.write_text("[tiny]\nmemory_mib = 128\n[microsd]\nclock = 'real'\n")
    known = list_profiles(own)
    assert known["tiny"].profile == Profile(memory_mib=128)
    assert known["microsd"].profile == Profile(clock="real")
    assert known["tiny"].source == own != known["emmc"].source


def test_a_config_takes_a_profile_and_says_what_is_different(own: Path) -> None:
    own.write_text("[mine]\nmemory_mib = 300\nclock = 'real'\n")
    config = DeviceConfig(profile="mine", cpus=1)
    assert profile_of(config) == Profile(clock="real", memory_mib=300, cpus=1)
    assert profile_of(config, "counted").clock == "counted"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[x]\nmemory = 1\n", r"unknown key 'memory' at \[x\]; did you mean 'memory_mib'"),
        ("[x]\nlabel = 'y'\n", r"unknown key 'label' at \[x\]"),
        ("[x]\nmemory_mib = 1\n", r"\[x\] memory_mib: .*greater than or equal to 128, got 1"),
        ("[x]\ncpu_model = 'z80'\n", r"\[x\] cpu_model: .*cortex-a53.*got 'z80'"),
        ("[X_y]\n", r"\[X_y\] .*pattern"),
        ("memory_mib = 512\n", r"'memory_mib' stands outside a table"),
        ("[x\n", "not TOML"),
    ],
)
def test_a_wrong_profile_is_refused_with_file_and_table(own: Path, text: str, message: str) -> None:
    own.write_text(text)
    with pytest.raises(BadInput, match=message) as error:
        list_profiles(own)
    assert str(own) in str(error.value)


def test_an_unknown_profile_lists_the_known(own: Path) -> None:
    with pytest.raises(BadInput, match=r"no profile 'nokia' \(known: default, microsd, .*\[nokia"):
        profile_of(DeviceConfig(profile="nokia"))


def test_equal_profiles_of_other_labels_are_other_devices() -> None:
    one, two = Profile(), labelled(Profile(), "second")
    assert one.id != two.id
    assert labelled(one, None) == one
    with pytest.raises(BadInput, match="label"):
        labelled(one, "../up")
