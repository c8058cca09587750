"""What `deploy inspect` reads from real files, and what it says of damaged ones."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskzip.contracts.bundle import Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.ledger import FileLedger
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import sharing
from taskzip.pipeline.exporters.orders import Exported
from taskzip.pipeline.inspection.inspect import inspect
from taskzip.pipeline.inspection.stored import Contents, Stored, ledger_of

Files = dict[tuple[Runtime, str], Exported]
Entries = dict[str, tuple[EntryPoint, ...]]
SHAPES_BYTES = 128
"""Of a .tflite: constants that say how to reshape, and single numbers."""


def ledger(exported: Files, runtime: Runtime, stem: str) -> FileLedger:
    (found,) = inspect(exported[runtime, stem].order.path).files
    return found


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("stem", ["pair", "left", "scaled"])
def test_shared_and_private_bytes_are_those_of_the_networks(
    exported: Files, entries: Entries, runtime: Runtime, stem: str
) -> None:
    found = ledger(exported, runtime, stem)
    expected = sharing({entry.name: entry.module for entry in entries[stem]})
    assert found.entries == tuple(entry.name for entry in entries[stem])
    assert 0 <= found.shared_bytes - expected.shared_bytes <= SHAPES_BYTES
    for entry, size in expected.private_bytes.items():
        assert 0 <= found.private_bytes[entry] - size <= SHAPES_BYTES
    assert (found.unused_bytes, found.duplicated_bytes) == (0, 0)
    assert found.program_bytes + found.constant_bytes == found.bytes


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_constant_is_the_tensor_that_torch_has(
    exported: Files, entries: Entries, runtime: Runtime
) -> None:
    found = {each.sha256: each for each in ledger(exported, runtime, "pair").constants}
    (left, right) = entries["pair"]
    for entry, other in ((left, right), (right, left)):
        weight = entry.module[1].weight
        content = hashlib.sha256(weight.detach().contiguous().numpy().tobytes()).hexdigest()
        constant = found[content]
        assert constant.shape == tuple(weight.shape)
        assert constant.dtype == "float32"
        assert constant.entries == (entry.name,)
        assert other.name not in constant.entries


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_use_names_the_operator_in_its_order(exported: Files, runtime: Runtime) -> None:
    found = ledger(exported, runtime, "equal").constants
    uses = [use.operator for each in found for use in each.uses if use.entry == "one"]
    filters = sorted(use for use in uses if use.endswith("filter"))
    assert [use.replace("_", "").lower().split()[1] for use in filters] == ["fullyconnected"] * 3
    assert len(set(filters)) == 3


def test_a_constant_that_stands_twice_is_found(exported: Files, stored_twice: Path) -> None:
    (found,) = inspect(stored_twice).files
    before = ledger(exported, "litert", "pair")
    size = before.constants[0].bytes
    assert found.duplicated_bytes == size
    assert found.constant_bytes == before.constant_bytes + size
    assert found.shared_bytes == before.shared_bytes - size


def test_what_nobody_uses_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "some.pte"
    path.write_bytes(bytes(100))
    stored = [Stored(b"x" * 70, "int8", (70,)), Stored(b"x" * 20, "int8", (20,))]
    found = ledger_of(Contents("executorch", ("a",), stored), path, "some.pte")
    assert (found.unused_bytes, found.program_bytes, found.duplicated_bytes) == (90, 10, 0)


@pytest.fixture
def whole(exported: Files, runtime: Runtime) -> Path:
    return exported[runtime, "left"].order.path


@pytest.mark.parametrize("runtime", RUNTIMES)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_said_to_be_damaged(
    whole: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(whole.read_bytes())
    if data.draw(st.booleans(), label="cut"):
        content = content[: data.draw(st.integers(0, len(content) - 1), label="at")]
    else:
        for place in data.draw(st.lists(st.integers(0, 400), min_size=1, max_size=8)):
            content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / f"damaged{whole.suffix}"
    path.write_bytes(content)
    try:
        (found,) = inspect(path).files
    except BadInput as error:
        assert "damaged" in str(error)  # noqa: PT017  # it may also be read
    else:
        assert found.bytes == len(content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pte", b"not a program", "is no .pte file or is damaged"),
        ("a.tflite", b"", "is no .tflite file or is damaged"),
        ("a.onnx", b"", r"must end in \.pte, \.ptd, \.tflite"),
        ("a.pte", None, "cannot be read"),
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        inspect(tmp_path / name)


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"bundle\.json"):
        inspect(tmp_path)


def test_a_bundles_file_must_be_the_one_it_lists(exported: Files, tmp_path: Path) -> None:
    content = exported["litert", "left"].order.path.read_bytes()
    model = {
        "path": "litert/left.tflite", "bytes": len(content), "runtime": "litert",
        "sha256": hashlib.sha256(content).hexdigest(), "kind": "separate",
        "entries": [{"task": "left", "entry": "left"}],
    }  # fmt: skip
    task = {"inputs": [], "outputs": [], "golden_inputs": [], "golden_outputs": {}}
    bundle = Bundle.model_validate(
        {
            "tasks": [{"name": "left", **task}], "tiny": {"name": "tiny", **task},
            "models": [model], "data": [], "tolerance": {"absolute": 0, "relative": 0},
            "sharing": {"shared_bytes": 0, "private_bytes": {"left": 5}}, "versions": {},
        }
    )  # fmt: skip
    bundle.write(tmp_path / "bundle.json")
    path = tmp_path / "litert" / "left.tflite"
    path.parent.mkdir()
    path.write_bytes(content)
    assert inspect(tmp_path).minimum_bytes == 5
    path.write_bytes(content + b" ")
    with pytest.raises(BadInput, match="is not the file that the bundle lists"):
        inspect(tmp_path)
    path.unlink()
    with pytest.raises(BadInput, match="the bundle lists it"):
        inspect(tmp_path)
