"""What the comparison of forms says of its figures."""

from rich.console import Console

from taskzip.benchmarks.form_price_result import FormPrice, FormPrices, Side, render

PRICE = FormPrice(
    bundle="out/assembled",
    runtime="executorch",
    forms={"assembled": 21, "blocked": 1},
    joint=Side(
        inference_ns=1_100_000, switch_ns=3_000_000, memory_bytes=2 << 20, storage_bytes=3 << 19
    ),
    separate=Side(
        inference_ns=1_000_000, switch_ns=2_000_000, memory_bytes=2 << 20, storage_bytes=2 << 20
    ),
)


def test_each_form_has_its_price_in_inference_switch_memory_and_storage() -> None:
    console = Console(record=True, width=120)
    prices = FormPrices(
        device="virtual", packed_cache=True, inferences=10, switches=4, rounds=2, prices=(PRICE,)
    )
    console.print(render(prices))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert any("out/assembled, executorch: 21 assembled, 1 blocked" in line for line in lines)
    assert any("virtual, packed caches: the least of 2 rounds" in line for line in lines)
    for line in (
        "│ inference, ms │ 1.100 │ 1.000 │ 1.100 │",
        "│ switch, ms │ 3.00 │ 2.00 │ 1.500 │",
        "│ memory, MiB │ 2.00 │ 2.00 │ 1.000 │",
        "│ storage, MiB │ 1.50 │ 2.00 │ 0.750 │",
    ):
        assert line in lines
