"""The constants of a .tflite, read from its flatbuffer; signatures are the entries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taskzip.contracts.ledger import Use
from taskzip.contracts.provenance import PROVENANCE, Provenance
from taskzip.pipeline.inspection.stored import Contents, Stored

IDENTIFIER = b"TFL3"
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_ROLES = ("input", "filter", "bias")
_FROM_BUFFER_1_ON = 1
"""Buffer 0 is empty by definition: tensors that are computed refer to it."""


def read_tflite(path: Path) -> Contents:
    """What the file holds; any exception when it is damaged."""
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415  # only for these files

    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise ValueError(f"it does not say {IDENTIFIER.decode()} where such files do")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = {code: kind for kind, code in vars(schema.BuiltinOperator).items()}
    types = {code: name.lower() for name, code in vars(schema.TensorType).items()}
    stored: dict[int, Stored] = {}
    for entry, graph in _signatures(model):
        _read_graph(model, entry, graph, (kinds, types, content), stored)
    _add_unused(model, content, stored)
    entries = tuple(entry for entry, _ in _signatures(model))
    return Contents("litert", entries, [*stored.values()], _provenance(model, content))


def _signatures(model: Any) -> Iterator[tuple[str, Any]]:
    """Each signature's graph; a file without signatures has one entry, its first graph."""
    if not model.signatureDefs:
        yield "main", model.subgraphs[0]
    for each in model.signatureDefs or ():
        yield each.signatureKey.decode(), model.subgraphs[each.subgraphIndex]


def _read_graph(
    model: Any, entry: str, graph: Any, known: tuple[Any, Any, bytes], stored: dict[int, Stored]
) -> None:
    kinds, types, content = known
    for number, operator in enumerate(graph.operators):
        code = model.operatorCodes[operator.opcodeIndex]
        kind = kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")
        for place, index in enumerate(operator.inputs):
            tensor = graph.tensors[index] if index >= 0 else None
            data = b"" if tensor is None else _data(model.buffers[tensor.buffer], content)
            if tensor is None or not data:
                continue
            shape = () if tensor.shape is None else tuple(int(each) for each in tensor.shape)
            constant = stored.setdefault(
                tensor.buffer, Stored(data, types.get(tensor.type, "unknown"), shape)
            )
            is_named = kind in _WEIGHTED and place < len(_ROLES)
            role = _ROLES[place] if is_named else f"input {place}"
            constant.uses.append(Use(entry=entry, operator=f"{number} {kind} {role}"))


def _add_unused(model: Any, content: bytes, stored: dict[int, Stored]) -> None:
    metadata = {each.buffer for each in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        data = _data(buffer, content)
        if index >= _FROM_BUFFER_1_ON and index not in stored and index not in metadata and data:
            stored[index] = Stored(data, "unknown", (len(data),))


def _provenance(model: Any, content: bytes) -> Provenance | None:
    for each in model.metadata or ():
        if each.name == PROVENANCE.encode():
            data = _data(model.buffers[each.buffer], content)
            return Provenance.parse(bytes(data), "its provenance")
    return None


def _data(buffer: Any, content: bytes) -> bytes | memoryview:
    """Inside the flatbuffer, or behind it where the file is large."""
    if buffer.offset > 1:
        return memoryview(content)[buffer.offset : buffer.offset + buffer.size]
    return b"" if buffer.data is None else bytes(buffer.data)
