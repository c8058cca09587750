"""The graph that XNNPACK gets: which constants its operators read, and where those stand."""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskzip.pipeline.inspection.flatc import XNNPACK, as_json

_HEADER = struct.Struct("<4x4sHIIIQ")
"""Magic, its length, offset and size of the flatbuffer and of the constants."""
_MAGIC = b"XH00"


@dataclass(frozen=True)
class DelegateConstant:
    """A constant of a delegate: under `key` in the file, or, where that is empty, right here."""

    key: str
    content: bytes
    dtype: str
    shape: tuple[int, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Delegate:
    """One part of a method that XNNPACK runs."""

    operators: int
    constants: tuple[DelegateConstant, ...]


def read_delegate(payload: bytes, first: int) -> Delegate:
    """What a delegate's data says; its operators are numbered from `first` on."""
    magic, _, start, size, constants_start, _ = _HEADER.unpack_from(payload)
    if magic != _MAGIC:
        raise ValueError("a delegate's data has no header of XNNPACK's")
    graph = as_json(payload[start : start + size], XNNPACK)
    tensors = [*map(_tensor, graph.get("xvalues", ()))]
    users = _users(graph, first)
    found = []
    for tensor in (*tensors, *_scales(graph.get("xvalues", ()))):
        index = tensor.get("constant_buffer_idx", 0)
        if not index:
            continue
        place = graph["constant_data"][index]
        begin = constants_start + place.get("offset", 0)
        key = place.get("named_key", "")
        found.append(
            DelegateConstant(
                key=key,
                content=b"" if key else payload[begin : begin + place["size"]],
                dtype=_dtype(tensor.get("datatype", "unknown")),
                shape=tuple(tensor.get("dims", ())),
                operators=tuple(each + tensor.get("part", "") for each in users[tensor["id_out"]]),
            )
        )
    return Delegate(len(graph.get("xnodes", ())), tuple(found))


def _dtype(name: str) -> str:
    word = name.removeprefix("xnn_datatype_")
    return {"fp32": "float32", "fp16": "float16"}.get(word, word)


def _tensor(value: Mapping[str, Any]) -> dict[str, Any]:
    table = value["xvalue_union"]
    return {"id_out": 0, **table.get("tensor_value", table)}


def _scales(values: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The scales of tensors with more than one, as tensors of their own."""
    for value in values:
        table = value["xvalue_union"]
        scales = table.get("quant_params", {})
        if scales.get("scale_buffer_idx", 0):
            yield {
                "id_out": _tensor(value)["id_out"],
                "constant_buffer_idx": scales["scale_buffer_idx"],
                "datatype": "xnn_datatype_fp32",
                "dims": (scales["num_scales"],),
                "part": " scales",
            }


def _users(graph: Mapping[str, Any], first: int) -> Mapping[int, list[str]]:
    """By the value's id, the operators that read it: `2 Conv2d filter`."""
    found = defaultdict(list)
    for number, node in enumerate(graph.get("xnodes", ()), start=first):
        kind = node["xnode_union_type"].removeprefix("XNN")
        for name, value in node["xnode_union"].items():
            if name.endswith("_id") and not name.startswith("output"):
                found[value].append(f"{number} {kind} {name.removesuffix('_id')}")
    return found
