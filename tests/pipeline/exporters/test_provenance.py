"""What files say of how they were made, and that saying it changes nothing else."""

from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import update_packed_buffer
from flatbuffers import Builder
from hypothesis import given
from hypothesis import strategies as st

from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import Exported
from taskzip.pipeline.exporters.provenance import provenance_of
from taskzip.pipeline.exporters.tflite_metadata import with_metadata
from taskzip.pipeline.inspection.inspect import inspect

Files = dict[tuple[Runtime, str], Exported]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_names_its_tasks_and_what_made_it(
    exported: Files, entries: dict[str, tuple[EntryPoint, ...]], runtime: Runtime
) -> None:
    (found,) = inspect(exported[runtime, "pair"].order.path).files
    assert found.provenance == provenance_of(entries["pair"], runtime)
    assert found.provenance.tasks == ("left", "right")
    assert {"taskzip", "torch"} < found.provenance.versions.keys()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_damaged_provenance_is_told(exported: Files, runtime: Runtime, tmp_path: Path) -> None:
    path = exported[runtime, "left"].order.path
    damaged = tmp_path / path.name
    damaged.write_bytes(path.read_bytes().replace(b'"tasks":["left"]', b'"tasks":["le t"]'))
    with pytest.raises(BadInput, match=r"its provenance: tasks\.0"):
        inspect(damaged)


@given(
    name=st.text(min_size=1, max_size=70),
    text=st.binary(max_size=200),
    known=st.lists(st.text(max_size=9), max_size=2),
)
def test_metadata_is_added_to_what_a_tflite_holds(name: str, text: bytes, known: list[str]) -> None:
    content = small_model(known)
    made = with_metadata(content, name, text)
    model = schema.Model.GetRootAs(made)
    added = model.Metadata(len(known))
    assert (model.MetadataLength(), model.BuffersLength()) == (len(known) + 1, len(BUFFERS) + 2)
    assert added.Name() == name.encode()
    assert (added.Buffer(), _content(model.Buffers(added.Buffer()))) == (len(BUFFERS) + 1, text)
    assert [model.Metadata(n).Name().decode() for n in range(len(known))] == known
    assert [_content(model.Buffers(n)) for n in range(len(BUFFERS))] == list(BUFFERS)
    assert (model.Version(), model.Description()) == (3, b"small")
    behind = model.Buffers(len(BUFFERS))
    assert made[behind.Offset() : behind.Offset() + behind.Size()] == BEHIND


BUFFERS = (b"", b"some weights", b"1")
BEHIND = b"weights behind the flatbuffer"


def small_model(known: list[str]) -> bytes:
    """A model with one buffer behind its flatbuffer, and metadata of these names."""
    model = schema.ModelT(version=3, description="small")
    model.buffers = [schema.BufferT(data=list(each)) for each in BUFFERS]
    model.buffers.append(schema.BufferT(offset=1, size=len(BEHIND)))
    model.metadata = [schema.MetadataT(name=each, buffer=0) for each in known]
    builder = Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    content = builder.Output()
    update_packed_buffer(schema.Model.GetRootAs(content).Buffers(len(BUFFERS)), len(content))
    return bytes(content) + BEHIND


def _content(buffer: schema.Buffer) -> bytes:
    return b"" if buffer.DataIsNone() else buffer.DataAsNumpy().tobytes()
