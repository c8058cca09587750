"""The checksum of ADB's packets."""

from hypothesis import given
from hypothesis import strategies as st

from taskzip.device.transport.byte_sum import byte_sum


@given(st.binary(max_size=2000))
def test_it_is_the_sum_of_all_bytes(data: bytes) -> None:
    assert byte_sum(data) == byte_sum(bytearray(data)) == sum(data)


def test_the_largest_bytes_do_not_overflow_a_block() -> None:
    assert byte_sum(b"\xff" * 100_000) == 255 * 100_000
