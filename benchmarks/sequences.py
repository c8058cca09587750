"""The orders in which tasks are asked for; neighbours always differ, so every step is a switch.

Tasks are named by their index. The task that a run begins with counts as index 0: a random first
step goes elsewhere.
"""

from collections.abc import Sequence
from random import Random

from taskzip.contracts.errors import BadInput

BURST_SWITCHES = 8
"""Switches between two tasks until one of them changes, in the mean."""
ZIPF_EXPONENT = 1.0


def random_sequence(tasks: int, length: int, seed: str) -> tuple[int, ...]:
    """`length` indexes below `tasks`, uniform among the tasks that differ from the one before."""
    refuse_single(tasks)
    random = Random(seed)  # noqa: S311 - a reproducible workload, not a secret
    sequence: list[int] = []
    current = 0
    for _ in range(length):
        current = (current + random.randrange(1, tasks)) % tasks
        sequence.append(current)
    return tuple(sequence)


def zipf_sequence(tasks: int, length: int, seed: str) -> tuple[int, ...]:
    """Among the tasks that differ from the one before, task i as often as 1 / (i + 1)."""
    refuse_single(tasks)
    random = Random(seed)  # noqa: S311 - a reproducible workload, not a secret
    weights = [1 / (index + 1) ** ZIPF_EXPONENT for index in range(tasks)]
    sequence: list[int] = []
    current = 0
    for _ in range(length):
        others = [task for task in range(tasks) if task != current]
        (current,) = random.choices(others, [weights[task] for task in others])
        sequence.append(current)
    return tuple(sequence)


def rounds(tasks: int, length: int, seed: str) -> tuple[int, ...]:
    """Every task once in each round, each round in an order of its own."""
    refuse_single(tasks)
    random = Random(seed)  # noqa: S311 - a reproducible workload, not a secret
    sequence: list[int] = []
    while len(sequence) < length:
        order = random.sample(range(tasks), tasks)
        if order[0] != (sequence or [0])[-1]:
            sequence += order
    return tuple(sequence[:length])


def bursty_sequence(tasks: int, length: int, seed: str) -> tuple[int, ...]:
    """Two tasks take turns; after BURST_SWITCHES in the mean another joins the one in use."""
    refuse_single(tasks)
    random = Random(seed)  # noqa: S311 - a reproducible workload, not a secret
    sequence: list[int] = []
    current, partner = 0, random.randrange(1, tasks)
    for _ in range(length):
        others = [task for task in range(tasks) if task not in (current, partner)]
        if others and random.random() < 1 / BURST_SWITCHES:
            partner = random.choice(others)
        current, partner = partner, current
        sequence.append(current)
    return tuple(sequence)


def round_robin(tasks: int, rounds: int) -> tuple[int, ...]:
    """Every task `rounds` times in turn, task 0 last in each round."""
    refuse_single(tasks)
    return tuple((index + 1) % tasks for index in range(tasks * rounds))


def every_pair(tasks: int, seed: str) -> tuple[int, ...]:
    """A way through every ordered pair of tasks, each once, that ends where it began.

    An Eulerian circuit of the complete directed graph (Hierholzer 1873), its turns drawn from the
    seed. It begins with the switch from task 0 to task 1.
    """
    refuse_single(tasks)
    random = Random(seed)  # noqa: S311 - a reproducible workload, not a secret
    ways = {one: [other for other in range(tasks) if other != one] for one in range(tasks)}
    for others in ways.values():
        random.shuffle(others)
    circuit: list[int] = []
    path = [0]
    while path:
        onward = ways[path[-1]]
        if onward:
            path.append(onward.pop())
        else:
            circuit.append(path.pop())
    steps = circuit[:0:-1]
    first = next(i for i, task in enumerate(steps) if (steps[i - 1], task) == (0, 1))
    return (*steps[first:], *steps[:first])


def cut(cycle: Sequence[int], start: int, length: int) -> tuple[int, ...]:
    """`length` steps of what repeats itself, from step `start`, which may be before the first."""
    return tuple(cycle[(start + index) % len(cycle)] for index in range(length))


def refuse_single(tasks: int) -> None:
    """BadInput unless there are two tasks."""
    if tasks < 2:  # noqa: PLR2004 - two is what a switch needs
        raise BadInput(f"the bundle has {tasks} task(s): a switch needs at least two")
