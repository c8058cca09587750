"""The constants of a .pte, read from its flatbuffers; methods are the entries.

A constant stands in a segment of its own, by name, here or in a .ptd, or inside a delegate's data,
or among the program's own constants, which operators that are not delegated read.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from taskzip.contracts.ledger import Use
from taskzip.contracts.provenance import PROVENANCE, PROVENANCE_OF_DATA
from taskzip.contracts.recipes import RECIPES, WeightRecipe, parts_of
from taskzip.pipeline.inspection.ptd_file import PtdFile, data_path
from taskzip.pipeline.inspection.pte_file import PteFile
from taskzip.pipeline.inspection.stored import Contents, Stored
from taskzip.pipeline.inspection.xnnpack import Delegate, read_delegate

XNNPACK_ID = "XnnpackBackend"
TYPES = {
    "BYTE": ("uint8", 1), "CHAR": ("int8", 1), "BOOL": ("bool", 1), "SHORT": ("int16", 2),
    "HALF": ("float16", 2), "BFLOAT16": ("bfloat16", 2), "INT": ("int32", 4),
    "FLOAT": ("float32", 4), "LONG": ("int64", 8), "DOUBLE": ("float64", 8),
}  # fmt: skip
"""Scalar types: our name, and bytes."""


def read_pte(path: Path) -> Contents:
    """What the file holds; any exception when it is damaged."""
    data = data_path(path)
    return _Reading(PteFile(path), PtdFile(data) if data.exists() else None).read()


def read_ptd(path: Path) -> Contents:
    """What the data file holds; who uses it is told by the .pte alone."""
    data = PtdFile(path)
    return Contents("executorch", (), [*_segments("data", data).values()], data.provenance())


def own_kernels(path: Path) -> dict[str, tuple[str, ...]]:
    """Method → the operators that it leaves to ExecuTorch's own kernels, each once."""
    return {
        plan["name"]: tuple(dict.fromkeys(each["name"] for each in plan.get("operators", ())))
        for plan in PteFile(path).program["execution_plan"]
    }


class _Reading:
    def __init__(self, file: PteFile, data: PtdFile | None) -> None:
        self._file, self._program = file, file.program
        self._recipes = {each.key: each for each in file.recipes()}
        self._data = data
        self._stored = _segments("named", file)
        """By kind of place and number."""
        if data is not None:
            self._stored |= _segments("data", data)

    def read(self) -> Contents:
        plans = self._program["execution_plan"]
        for plan in plans:
            self._read_delegates(plan)
            self._read_operators(plan)
        entries = tuple(plan["name"] for plan in plans)
        stored = [*self._stored.values()]
        data_bytes = self._data.bytes if self._data else 0
        return Contents("executorch", entries, stored, self._file.provenance(), data_bytes)

    def _read_delegates(self, plan: Mapping[str, Any]) -> None:
        number = 0
        for index, delegate in enumerate(plan.get("delegates", ())):
            if delegate["id"] != XNNPACK_ID:
                continue
            found = read_delegate(self._processed(delegate["processed"]), number)
            number += found.operators
            self._add(plan["name"], index, found)

    def _processed(self, place: Mapping[str, Any]) -> bytes:
        index = place.get("index", 0)
        if place.get("location", "INLINE") == "SEGMENT":
            return bytes(self._file.segment(index))
        return bytes(self._program["backend_delegate_data"][index].get("data", ()))

    def _add(self, entry: str, delegate: int, found: Delegate) -> None:
        for index, constant in enumerate(found.constants):
            uses = [Use(entry=entry, operator=each) for each in constant.operators]
            if constant.key in self._recipes:
                self._add_parts(self._recipes[constant.key], uses)
                continue
            if constant.key:
                held = self._under(constant.key)
                held.dtype, held.shape = constant.dtype, constant.shape
            else:
                held = Stored(constant.content, constant.dtype, constant.shape)
                self._stored[f"{entry} {delegate}", index] = held
            held.uses += uses

    def _under(self, key: str) -> Stored:
        if key in self._file.named:
            return self._stored["named", self._file.named[key]]
        if self._data is None or key not in self._data.named:
            raise ValueError(f"its constant {key[:12]}… is neither in it nor in a .ptd beside it")
        return self._stored["data", self._data.named[key]]

    def _add_parts(self, recipe: WeightRecipe, uses: Sequence[Use]) -> None:
        for step in recipe.steps:
            for name, dtype, shape in parts_of(step, recipe):
                held = self._stored["named", self._file.named[name]]
                held.dtype, held.shape = dtype, shape
                held.uses += uses

    def _read_operators(self, plan: Mapping[str, Any]) -> None:
        for number, (kind, args) in enumerate(_calls(plan)):
            for place, index in enumerate(args):
                constant = self._constant(plan["values"][index])
                if constant is not None:
                    operator = f"{number} {kind} input {place}"
                    constant.uses.append(Use(entry=plan["name"], operator=operator))

    def _constant(self, value: Mapping[str, Any]) -> Stored | None:
        tensor = value.get("val", {})
        index = tensor.get("data_buffer_idx", 0)
        if value.get("val_type") != "Tensor" or not index or "allocation_info" in tensor:
            return None
        shape = tuple(tensor.get("sizes", ()))
        dtype, element_bytes = TYPES[tensor.get("scalar_type", "BYTE")]
        data = self._own_constant(index, math.prod(shape) * element_bytes)
        return self._stored.setdefault(("own", index), Stored(data, dtype, shape))

    def _own_constant(self, index: int, size: int) -> bytes | memoryview:
        buffers = self._program.get("constant_buffer", ())
        if buffers:
            return bytes(buffers[index].get("storage", ()))
        place = self._program["constant_segment"]
        start = place["offsets"][index]
        return self._file.segment(place.get("segment_index", 0))[start : start + size]


def _segments(place: str, file: PteFile | PtdFile) -> dict[tuple[str, int], Stored]:
    """What has a name, each segment once; its type and shape are known when somebody uses it."""
    found: dict[tuple[str, int], Stored] = {}
    for name, index in file.named.items():
        if name not in (RECIPES, PROVENANCE, PROVENANCE_OF_DATA):
            data = file.segment(index)
            found[place, index] = Stored(data, "unknown", (len(data),))
    return found


def _calls(plan: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[int]]]:
    """Kernels and delegates in the order of their calls, and the values that they take or give."""
    kernels = [each["name"].removeprefix("aten::") for each in plan.get("operators", ())]
    delegates = [each["id"] for each in plan.get("delegates", ())]
    for chain in plan.get("chains", ()):
        for each in chain.get("instructions", ()):
            call = each.get("instr_args", {})
            if each.get("instr_args_type") == "KernelCall":
                yield kernels[call.get("op_index", 0)], call.get("args", ())
            elif each.get("instr_args_type") == "DelegateCall":
                yield delegates[call.get("delegate_index", 0)], call.get("args", ())
