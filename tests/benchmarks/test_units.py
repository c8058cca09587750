import pytest

from taskzip.benchmarks.units import (
    format_change,
    format_interval,
    format_mib,
    format_ns,
    format_ns_interval,
    signed,
    significant,
)


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0.000 ns"),
        (640, "640 ns"),
        (16.5, "16.5 ns"),
        (1_234, "1.23 µs"),
        (14_040_000, "14.0 ms"),
        (999_600, "1\u202f000 µs"),
        (2_500_000_000, "2.50 s"),
        (None, "–"),
    ],
)
def test_durations_have_three_digits_and_a_unit(duration_ns: float | None, text: str) -> None:
    assert format_ns(duration_ns) == text


def test_sizes_are_mebibytes() -> None:
    assert (format_mib(1 << 20), format_mib(None)) == ("1.00", "–")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0125, "+1.25 %"),
        (0.9875, "−1.25 %"),
        (0.8, "−20.0 %"),
        (1 + 1e-9, "0.00 %"),
        (12.345, "×12.3"),
    ],
)
def test_changes_have_a_sign_and_no_hyphen(ratio: float, text: str) -> None:
    assert format_change(ratio) == text
    assert signed(-0.31) == "−0.31"


def test_intervals_share_the_unit_of_their_upper_end() -> None:
    assert format_ns_interval((990_000, 1_010_000)) == "0.990 … 1.01 ms"
    assert format_interval((0.98, 1.02)) == "0.980 … 1.02"
    assert format_interval(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.500"), (21_437, "21\u202f437"), (99.96, "100.0")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert significant(value) == text
