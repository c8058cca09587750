"""From a workload's name to the tasks that a run asks for, one after the other."""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from taskzip.benchmarks.sequences import (
    bursty_sequence,
    cut,
    every_pair,
    random_sequence,
    refuse_single,
    round_robin,
    rounds,
    zipf_sequence,
)
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import WORKLOADS

_DRAWN = {
    "random": random_sequence,
    "rounds": rounds,
    "bursty": bursty_sequence,
    "zipf": zipf_sequence,
}


def sequence_of(config: BenchConfig, tasks: Sequence[str], block: int) -> tuple[int, ...]:
    """The steps of a block as indexes into `tasks`: its warm-ups, then what is measured.

    A drawn workload is drawn anew for each block. One that repeats itself goes on where the block
    before ended, and its warm-ups are the steps before: the first measured step of all is its
    first. BadInput when a trace cannot be read or names what is no task.
    """
    length = config.warmups + switches_of(config, len(tasks), block)
    if config.workload in _DRAWN:
        return _DRAWN[config.workload](len(tasks), length, f"{config.seed}.{block}")
    before = sum(switches_of(config, len(tasks), earlier) for earlier in range(block))
    return cut(_cycle(config, tasks), before - config.warmups, length)


def switches_of(config: BenchConfig, tasks: int, block: int) -> int:
    """Measured switches of a block; those that do not divide evenly go to the first blocks."""
    switches, rest = divmod(config.switches, blocks_of(config))
    switches += block < rest
    if config.workload != "pairs":
        return switches
    pairs = tasks * (tasks - 1)
    return -(-switches // pairs) * pairs if pairs else switches


def blocks_of(config: BenchConfig) -> int:
    """As the config says or by its clock; a block without a switch would measure nothing."""
    blocks = config.blocks or (2 if config.clock == "real" else 1)
    return min(blocks, config.switches)


def limit_bytes(config: BenchConfig) -> int | None:
    """What each runner is held to."""
    return None if config.memory_limit_mib is None else config.memory_limit_mib << 20


def workload_name(config: BenchConfig) -> str:
    """The workload as conditions name it: a trace is known by its content, not by its place."""
    if config.workload in WORKLOADS:
        return config.workload
    content = _read(Path(config.workload)).encode()
    return f"trace {hashlib.sha256(content).hexdigest()[:12]}"


def read_trace(path: Path, tasks: Sequence[str]) -> tuple[int, ...]:
    """The steps of a trace; a task that follows itself is one step, also from the end to the start.

    A line holds the name of a task; what follows `#`, and empty lines, are passed over.
    """
    refuse_single(len(tasks))
    named = [
        _index(name, tasks, f"{path}:{number}")
        for number, line in enumerate(_read(path).splitlines(), start=1)
        if (name := line.partition("#")[0].strip())
    ]
    steps = [index for index, _ in groupby(named)]
    if len(steps) > 1 and steps[0] == steps[-1]:
        steps.pop()
    if len(steps) < 2:  # noqa: PLR2004 - two is what a switch needs
        raise BadInput(f"{path}: names fewer than two tasks; a trace has a task's name a line")
    return tuple(steps)


def _cycle(config: BenchConfig, tasks: Sequence[str]) -> tuple[int, ...]:
    if config.workload == "pairs":
        return every_pair(len(tasks), str(config.seed))
    if config.workload == "round-robin":
        return round_robin(len(tasks), 1)
    return read_trace(Path(config.workload), tasks)


def _index(name: str, tasks: Sequence[str], where: str) -> int:
    if name not in tasks:
        raise BadInput(f"{where}: no task is called {name!r}; there are {', '.join(tasks)}")
    return tasks.index(name)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: this trace cannot be read ({error})") from error
