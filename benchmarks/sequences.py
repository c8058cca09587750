"""The orders in which tasks are asked for; neighbours always differ, so every step is a switch."""

from random import Random

from taskzip.contracts.errors import BadInput


def random_sequence(tasks: int, length: int, seed: str) -> tuple[int, ...]:
    """`length` indexes below `tasks`, uniform among the tasks that differ from the one before.

    The task that a run begins with counts as index 0: the first step goes elsewhere.
    """
    _refuse_single(tasks)
    random = Random(seed)  # noqa: S311 - a reproducible workload, not a secret
    sequence: list[int] = []
    current = 0
    for _ in range(length):
        current = (current + random.randrange(1, tasks)) % tasks
        sequence.append(current)
    return tuple(sequence)


def round_robin(tasks: int, rounds: int) -> tuple[int, ...]:
    """Every task `rounds` times in turn, task 0 last in each round."""
    _refuse_single(tasks)
    return tuple((index + 1) % tasks for index in range(tasks * rounds))


def _refuse_single(tasks: int) -> None:
    if tasks < 2:  # noqa: PLR2004 - two is what a switch needs
        raise BadInput(f"the bundle has {tasks} task(s): a switch needs at least two")
