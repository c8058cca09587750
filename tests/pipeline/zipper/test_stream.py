"""Calibration data on its way: what is computed again, what is kept, what it looks like."""

from collections.abc import Iterator

import torch

from taskzip.pipeline.zipper.stream import PART_BYTES, PART_IMAGES, Stage, Stream, part_images

ROW_BYTES = 4 * 3
"""Of a float32 row of three features."""


class Data:
    """Batches of 4 rows, 3 features each; counts how often they are read."""

    def __init__(self, batches: int) -> None:
        self.batches = torch.arange(batches * 12.0).reshape(batches, 4, 3)
        self.read = 0

    def __call__(self) -> Iterator[torch.Tensor]:
        self.read += 1
        return iter(self.batches)


class Counted:
    """Adds a number; counts the parts."""

    def __init__(self, number: float) -> None:
        self.number = number
        self.parts = 0

    def __call__(self, values: dict[str, torch.Tensor]) -> torch.Tensor:
        self.parts += 1
        return next(iter(values.values())) + self.number


def stage(name: str, source: str, original: Counted, merged: Counted) -> Stage:
    return Stage(name, (source,), original, merged, (source,))


def test_each_stage_sees_a_part_once_while_all_is_kept() -> None:
    data, one, two = Data(3), Counted(1), Counted(2)
    stream = Stream(data, "x", limit_bytes=1 << 20)
    stream.advance([stage("a", "x", one, one)])
    list(stream)
    stream.advance([stage("b", "a", two, two)])
    for _ in range(2):
        found = torch.cat([before for before, _ in stream.pairs("b")])
    assert torch.equal(found, data.batches.flatten(0, 1) + 3)
    assert (one.parts, two.parts, data.read) == (3, 3, 1)


def test_parts_that_do_not_fit_begin_again_at_the_data() -> None:
    data, one, two = Data(3), Counted(1), Counted(2)
    stream = Stream(data, "x", limit_bytes=2 * 4 * ROW_BYTES)
    stream.advance([stage("a", "x", one, one)])
    list(stream)
    stream.advance([stage("b", "a", two, two)])
    found = torch.cat([before for before, _ in stream.pairs("b")])
    assert torch.equal(found, data.batches.flatten(0, 1) + 3)
    assert (one.parts, data.read) == (3 + 1, 2)


def test_a_part_stays_where_it_was_if_it_grew_too_large() -> None:
    data, one = Data(2), Counted(1)
    stream = Stream(data, "x", limit_bytes=2 * 4 * ROW_BYTES)
    stream.advance([stage("a", "x", one, one)])
    list(stream)

    def wide(values: dict[str, torch.Tensor]) -> torch.Tensor:
        return values["a"].repeat(1, 5)

    stream.advance([Stage("wide", ("a",), wide, wide, ("a",))])
    shapes = [{before.shape for before, _ in stream.pairs("wide")} for _ in range(2)]
    assert shapes == [{(4, 15)}, {(4, 15)}]
    assert (one.parts, data.read) == (2, 1)


def test_an_iteration_that_stops_early_loses_nothing() -> None:
    data, one = Data(3), Counted(1)
    stream = Stream(data, "x", limit_bytes=1 << 20)
    stream.advance([stage("a", "x", one, one)])
    next(iter(stream))
    found = torch.cat([before for before, _ in stream.pairs("a")])
    assert torch.equal(found, data.batches.flatten(0, 1) + 1)
    assert one.parts == 3


def test_merged_values_are_the_same_objects_until_they_differ() -> None:
    same, other = Counted(1), Counted(5)
    stream = Stream(Data(1), "x", limit_bytes=1 << 20)
    stream.advance([stage("a", "x", same, same)])
    ((before, after),) = stream.pairs("a")
    assert before is after
    stream.advance([stage("b", "a", same, other)])
    ((before, after),) = stream.pairs("b")
    assert torch.equal(after - before, torch.full_like(before, 4))


def negated(values: dict[str, torch.Tensor]) -> torch.Tensor:
    return values["a"].neg()


def negated_over(values: dict[str, torch.Tensor]) -> torch.Tensor:
    return values["a"].neg_()


def test_a_value_that_nothing_else_holds_is_overwritten() -> None:
    data, same, other = Data(2), Counted(1), Counted(5)
    stream = Stream(data, "x", limit_bytes=0)
    stream.advance([stage("a", "x", same, other)])
    stream.advance([Stage("b", ("a",), negated, negated, overwriting=negated_over)])
    for _ in range(2):
        for before, after in stream:
            assert before["b"] is before["a"]
            assert torch.equal(before["b"] - after["b"], torch.full_like(before["b"], 4))


def test_a_kept_value_is_never_overwritten() -> None:
    data, one = Data(2), Counted(1)
    stream = Stream(data, "x", limit_bytes=2 * 4 * ROW_BYTES)
    stream.advance([stage("a", "x", one, one)])
    list(stream)
    stream.advance([Stage("b", ("a",), negated, negated, overwriting=negated_over)])
    for _ in range(2):
        found = torch.cat([before for before, _ in stream.pairs("b")])
        assert torch.equal(found, -(data.batches.flatten(0, 1) + 1))
    assert one.parts == 2


def test_it_says_after_each_part_that_it_is_alive() -> None:
    beats = []
    list(Stream(Data(2), "x", 0, part_images=2, beat=lambda: beats.append(1)))
    assert len(beats) == 4


def test_parts_of_large_images_have_fewer() -> None:
    assert part_images([(2, 1, 28, 28)]) == PART_IMAGES
    features = PART_BYTES // 4 // 10
    assert part_images([(2, 3), (2, features)]) == 10
    assert part_images([(2, 100 * features)]) == 1
