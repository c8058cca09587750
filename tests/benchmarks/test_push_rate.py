"""What the comparison with `adb push` says of its figures."""

from rich.console import Console

from taskzip.benchmarks.push_rate import PushRates, render

RATES = PushRates(
    bytes=256 << 20,
    files=4,
    clock="counted",
    memory_mib=512,
    vcpus=1,
    in_place_s=(1.5, 2.5, 3.5),
    ours_s=(2.0, 4.0, 9.0),
    unchanged_s=(0.1, 0.2, 0.1),
    sent_s=(1.0, 1.0, 1.0),
    sent_processor_s=(1.25, 1.5, 1.0),
    proof_s=(0.25, 0.5, 0.25),
    proof_processor_s=(0.5, 0.5, 0.5),
    adb_s=(5.0, 1.0, 2.0),
    adb_processor_s=(1.5, 1.25, 1.5),
    flash_s=(2.0, 2.0, 2.0),
    hash_s=(1.0, 1.0, 1.0),
    command_s=(0.01, 0.02, 0.01),
)


def test_the_ratio_is_of_rates_and_of_medians() -> None:
    assert RATES.sent_ratio == 2.0
    assert RATES.hashed_ratio == 1.6
    assert RATES.ratio == 0.8
    assert RATES.same_work_ratio == 1.25


def test_rates_stand_where_all_bytes_move() -> None:
    console = Console(record=True, width=120)
    console.print(render(RATES))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert "│ push: sent, verified, in place │ 2.50 │ 102 │ │" in lines
    assert "│ … and on the flash │ 4.00 │ 64 │ │" in lines
    assert "│ only sent │ 1.00 │ 256 │ 1.25 │" in lines
    assert "│ adb push: sent │ 2.00 │ 128 │ 1.50 │" in lines
    assert "│ push of what is there already │ 0.10 │ │ │" in lines
