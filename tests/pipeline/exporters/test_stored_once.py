"""What the exporters must not lose: each tensor of the networks once in a file."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.ledger import Constant, FileLedger, Use
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.stored_once import check_ledger, check_stored_once, stored_bytes
from taskzip.pipeline.exporters.tensors import raw_bytes
from taskzip.pipeline.recipe import Copy, Recipe

WIDTH = 512
X = torch.zeros(1, WIDTH)


def _constant(tensor: torch.Tensor, *entries: str, dtype: str = "float32") -> Constant:
    content = raw_bytes(tensor)
    return Constant(
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        dtype=dtype,
        shape=tuple(tensor.shape),
        uses=tuple(Use(entry=entry, operator="0 FullyConnected") for entry in entries),
    )


def _ledger(constants: Sequence[Constant], program_bytes: int = 1000) -> FileLedger:
    size = sum(each.bytes for each in constants)
    return FileLedger(
        path="joint.pte",
        runtime="executorch",
        bytes=size + program_bytes,
        program_bytes=program_bytes,
        entries=("a", "b"),
        shared_bytes=size,
        private_bytes={"a": 0, "b": 0},
        unused_bytes=0,
        duplicated_bytes=0,
        constants=tuple(constants),
    )


def _pair() -> tuple[EntryPoint, EntryPoint]:
    """One trunk, 1 MiB of weights; heads of one shape."""
    trunk = nn.Linear(WIDTH, WIDTH)
    with torch.no_grad():
        trunk.bias.copy_(torch.arange(WIDTH))
    heads = (nn.Linear(WIDTH, 4, bias=False), nn.Linear(WIDTH, 4, bias=False))
    one, other = (nn.Sequential(trunk, head) for head in heads)
    return EntryPoint("a", one, (X,)), EntryPoint("b", other, (X,))


def _stored(pair: tuple[EntryPoint, EntryPoint]) -> list[Constant]:
    one, other = (dict(entry.module.named_parameters()) for entry in pair)
    return [
        _constant(one["0.weight"].T, "a", "b"),
        _constant(one["0.bias"], "a", "b"),
        _constant(one["1.weight"], "a"),
        _constant(other["1.weight"].reshape(4, 1, 1, WIDTH), "b"),
    ]


def test_each_tensor_once_in_any_order_of_its_extents_is_right() -> None:
    pair = _pair()
    check_ledger(_ledger(_stored(pair)), pair)


def test_a_shared_matrix_of_which_a_rounded_copy_stands_beside_it_is_named() -> None:
    pair = _pair()
    copy = _constant(torch.zeros(WIDTH, WIDTH, dtype=torch.int8), "b", dtype="int8")
    with pytest.raises(CheckFailed, match=r"2 of 512×512 .* the networks have 1 \(a: 0 Fully.*b:"):
        check_ledger(_ledger([*_stored(pair), copy]), pair)


def test_a_small_head_more_than_there_are_is_named() -> None:
    pair = _pair()
    with pytest.raises(CheckFailed, match=r"3 of 4×512 .* the networks have 2"):
        check_ledger(_ledger([*_stored(pair), _constant(torch.randn(4, WIDTH), "b")]), pair)


def test_a_shared_bias_twice_is_named() -> None:
    pair = _pair()
    again = _constant(torch.arange(WIDTH, dtype=torch.float32), "b")
    with pytest.raises(CheckFailed, match=r"2 of 512 in 2048 bytes each"):
        check_ledger(_ledger([*_stored(pair), again]), pair)


def test_biases_of_zeros_and_an_entrys_own_scales_are_no_weights_twice() -> None:
    pair = _pair()
    zeros = [_constant(torch.zeros(WIDTH), "a"), _constant(torch.zeros(WIDTH), "b")]
    scales = [_constant(torch.rand(2000), entry) for entry in "ab"]
    check_ledger(_ledger([*_stored(pair), *zeros, *scales]), pair)


@pytest.mark.parametrize(("extra", "is_right"), [(2000, True), (3000, False)])
def test_a_hundredth_more_numbers_than_the_weights_is_too_many(extra: int, is_right: bool) -> None:
    pair = _pair()
    assert stored_bytes(pair) == 4 * (WIDTH * WIDTH + WIDTH + 8 * WIDTH)
    ledger = _ledger([*_stored(pair), _constant(torch.randn(2, extra // 2), "a")])
    if is_right:
        check_ledger(ledger, pair)
    else:
        with pytest.raises(CheckFailed, match=r"\d+ numbers .* for 266752 distinct weights"):
            check_ledger(ledger, pair)


def test_weights_inside_the_program_are_found() -> None:
    pair = _pair()
    with pytest.raises(CheckFailed, match=r"700000 bytes of program"):
        check_ledger(_ledger(_stored(pair), program_bytes=700_000), pair)


def test_a_block_that_two_recipes_use_stands_there_once() -> None:
    pair = _pair()
    block = torch.randn(WIDTH, WIDTH)
    recipe = Recipe((WIDTH, WIDTH), (Copy(block, 0, 0),))
    pair = tuple(dataclasses.replace(each, recipes={"0.weight": recipe}) for each in pair)
    _, *others = _stored(pair)
    held = _constant(block, "a", "b")
    check_ledger(_ledger([held, *others]), pair)
    with pytest.raises(CheckFailed, match=r"2 of 512×512"):
        check_ledger(_ledger([held, held, *others]), pair)


def test_a_file_that_holds_a_shared_weight_twice_fails_and_names_it(
    stored_twice: Path, entries: dict[str, tuple[EntryPoint, ...]]
) -> None:
    with pytest.raises(
        CheckFailed, match=r"twice\.tflite: .* 524288 bytes of equal content"
    ) as told:
        check_stored_once(stored_twice, entries["pair"])
    users = ", ".join(f"{entry}: 6 FULLY_CONNECTED filter" for entry in ("left", "right"))
    assert users in str(told.value)
