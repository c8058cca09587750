from collections import Counter
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.benchmarks.workloads import read_trace, sequence_of, workload_name
from taskzip.contracts.config import BenchConfig, with_absolute_trace
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import WORKLOADS

TASKS = ("ant", "bee", "cow", "dog")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "day.trace"
    path.write_text("bee  # in the morning\n\nbee\ndog\n# noon\nant\nbee\n")
    return path


@given(
    workload=st.sampled_from(WORKLOADS),
    tasks=st.integers(2, 5),
    switches=st.integers(1, 40),
    blocks=st.integers(1, 4),
    warmups=st.integers(0, 7),
)
def test_every_step_of_every_workload_is_a_switch(
    workload: str, tasks: int, switches: int, blocks: int, warmups: int
) -> None:
    config = BenchConfig(workload=workload, switches=switches, blocks=blocks, warmups=warmups)
    for block in range(min(blocks, switches)):
        sequence = sequence_of(config, TASKS[:tasks] + ("eel",) * (tasks > 4), block)
        assert len(sequence) > warmups
        assert all(one != other for one, other in pairwise(sequence))


@pytest.mark.parametrize("warmups", [0, 1, 5])
def test_pairs_measures_every_ordered_pair_equally_often(warmups: int) -> None:
    config = BenchConfig(workload="pairs", switches=25, warmups=warmups, blocks=2)
    for block, times in ((0, 2), (1, 1)):
        sequence = sequence_of(config, TASKS, block)
        before = sequence[warmups - 1] if warmups else (sequence[0] - 1) % len(TASKS)
        measured = Counter(pairwise((before, *sequence[warmups:])))
        assert measured == dict.fromkeys(permutations(range(4), 2), times)


def test_a_trace_is_walked_from_its_first_line_and_goes_on_in_the_next_block(trace: Path) -> None:
    config = BenchConfig(workload=str(trace), switches=5, blocks=2, warmups=1)
    assert sequence_of(config, TASKS, 0) == (0, 1, 3, 0)
    assert sequence_of(config, TASKS, 1) == (0, 1, 3)


def test_a_trace_is_known_by_its_content(trace: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.trace"
    moved.write_bytes(trace.read_bytes())
    names = [workload_name(BenchConfig(workload=str(path))) for path in (trace, moved)]
    assert names[0] == names[1]
    assert names[0].startswith("trace ")
    assert workload_name(BenchConfig(workload="zipf")) == "zipf"


def test_a_trace_that_names_no_task_of_the_bundle_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.trace"
    path.write_text("ant\nbat\n")
    with pytest.raises(BadInput, match=r"bad\.trace:2: no task is called 'bat'; there are ant"):
        read_trace(path, TASKS)


@pytest.mark.parametrize("text", ["", "ant\nant\n", "# nothing\n"])
def test_a_trace_without_a_switch_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "short.trace"
    path.write_text(text)
    with pytest.raises(BadInput, match="fewer than two tasks"):
        read_trace(path, TASKS)


def test_a_workload_that_is_no_word_and_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'randm' is neither one of random, .* nor a file"):
        with_absolute_trace(BenchConfig(workload="randm"), tmp_path)
