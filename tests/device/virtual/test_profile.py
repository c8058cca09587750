import pytest
from pydantic import ValidationError

from taskzip.device.virtual.profile import Profile


def test_equal_profiles_are_the_same_device() -> None:
    assert Profile(clock="real").id == Profile(clock="real", memory_mib=512).id


def test_the_id_names_label_and_clock_and_fits_a_folder() -> None:
    assert Profile(clock="counted", label="test-7").id == "test-7-counted-c49714d0c6e5"


@pytest.mark.parametrize(
    "change",
    [
        {"clock": "counted"},
        {"memory_mib": 256},
        {"cpus": 1},
        {"flash_read_bytes_per_second": 1},
        {"flash_write_bytes_per_second": 1},
        {"disk_mib": 64},
        {"idle_stop_seconds": 5},
        {"cpu_model": "cortex-a53"},
        {"flash_read_iops": 1000},
        {"flash_write_iops": 1000},
        {"label": "other"},
    ],
)
def test_any_difference_is_another_device(change: dict[str, object]) -> None:
    real = Profile(clock="real")
    assert Profile.model_validate({**real.model_dump(), **change}).id != real.id


def test_the_counted_clock_has_one_core_whatever_was_asked() -> None:
    four, two = (Profile(clock="counted", cpus=cpus) for cpus in (4, 2))
    assert four.vcpus == 1
    assert four.id == two.id


def test_the_counted_clocks_flash_writes_as_it_reads_whatever_was_asked() -> None:
    slow, fast = (
        Profile(clock="counted", flash_write_bytes_per_second=rate) for rate in (1, 10**9)
    )
    assert slow.id == fast.id


@pytest.mark.parametrize(
    ("rate", "page_ns"), [(200_000_000, 81_920), (7, 2_340_571_428_572), (10**15, 1)]
)
def test_a_flash_page_takes_its_bytes_divided_by_the_rate(rate: int, page_ns: int) -> None:
    profile = Profile(clock="counted", flash_read_bytes_per_second=rate)
    assert profile.flash_page_ns == page_ns


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory_mib": 64},
        {"cpus": 0},
        {"label": "../up"},
        {"disk_mib": 1},
        {"cpu_model": "a,readonly=off"},
    ],
)
def test_impossible_devices_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate({"clock": "real", **wrong})


def test_a_flash_of_few_requests_a_second_takes_longer_for_a_page() -> None:
    profile = Profile(flash_read_bytes_per_second=200_000_000, flash_read_iops=1000)
    assert profile.flash_page_ns == 1_000_000
