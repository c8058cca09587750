import io

from rich.console import Console

from taskzip.benchmarks.told_progress import ToldProgress


def test_a_bar_is_told_at_each_tenth_and_one_of_unknown_length_once() -> None:
    told = io.StringIO()
    progress = ToldProgress(Console(file=told, width=80))
    progress.step("first")
    bar = progress.start("Measuring", 4)
    for _ in range(4):
        progress.advance(bar)
    progress.advance(progress.start("waiting"))
    progress.finish(bar)
    lines = [line.split(" s  ")[1] for line in told.getvalue().splitlines()]
    assert lines == [
        "first",
        "Measuring",
        *(f"Measuring: {percent} %" for percent in (25, 50, 75, 100)),
        "waiting",
    ]
