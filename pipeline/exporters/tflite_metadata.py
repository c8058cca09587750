"""Metadata added to a .tflite: what stands in it stays as it is, byte for byte.

A flatbuffer's offsets lead forward from where they stand. So a new root, its tables and its longer
lists of buffers and metadata go before all that was there, which moves behind them as a whole.
"""

import struct
from collections.abc import Sequence
from typing import Any

IDENTIFIER = b"TFL3"
_START = 8
"""Behind the root's offset and the identifier."""
_ALIGNMENT = 64
_U32 = struct.Struct("<I")
_BUFFERS, _METADATA = 4, 6
"""Places of the model's fields; each of them has 4 bytes, and all but the version are offsets."""
_BUFFER_OFFSET_SLOT = 6
"""Where a buffer's vtable tells where its content stands behind the flatbuffer, if it does."""


def with_metadata(content: bytes, name: str, text: bytes) -> bytes:
    """The .tflite `content` with one more metadata entry."""
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415  # only for these files

    table = schema.Model.GetRootAs(content)._tab
    block = _Block(table, name.encode(), text)
    made = bytearray(block.written() + content[_START:])
    made[4:_START] = IDENTIFIER
    for buffer in _elements(table, _BUFFERS):
        _move_content(made, table, buffer, block.shift)
    return bytes(made)


class _Block:
    """What comes first: positions of its parts, which are known before any is written."""

    def __init__(self, table: Any, name: bytes, text: bytes) -> None:
        self._table, self._name, self._text = table, name, text
        self._fields = _fields(table)
        self._buffers = _elements(table, _BUFFERS)
        self._metadata = _elements(table, _METADATA)
        self._root = _rounded(_START + 4 + 2 * len(self._fields), 4)
        self._buffer_list = self._root + 4 + 4 * len(self._fields)
        self._metadata_list = self._buffer_list + 4 * (len(self._buffers) + 2)
        self._buffer = self._metadata_list + 4 * (len(self._metadata) + 2) + 8
        self._entry = self._buffer + 8 + 8
        self._name_at = self._entry + 12
        self._text_at = _rounded(self._name_at + 4 + len(name) + 1 + 4, 16) - 4
        end = _rounded(self._text_at + 4 + len(text) - _START, _ALIGNMENT) + _START
        self.shift = end - _START

    def written(self) -> bytes:
        """The bytes up to what was there."""
        self._made = bytearray(_START + self.shift)
        self._put(0, self._root)
        self._put_root()
        self._put_list(self._buffer_list, self._buffers, self._buffer)
        self._put_list(self._metadata_list, self._metadata, self._entry)
        self._put_table(self._buffer, (4,))
        self._put_offset(self._buffer + 4, self._text_at)
        self._put_table(self._entry, (4, 8))
        self._put_offset(self._entry + 4, self._name_at)
        self._put(self._entry + 8, len(self._buffers))
        for place, content in ((self._name_at, self._name), (self._text_at, self._text)):
            self._put(place, len(content))
            self._made[place + 4 : place + 4 + len(content)] = content
        return bytes(self._made)

    def _put_root(self) -> None:
        slots = [4 + 4 * index if old else 0 for index, old in enumerate(self._fields)]
        self._put_table(self._root, slots)
        moved = {_BUFFERS: self._buffer_list, _METADATA: self._metadata_list}
        for index, old in enumerate(self._fields):
            place = self._root + 4 + 4 * index
            if index in moved:
                self._put_offset(place, moved[index])
            elif index == 0:
                self._put(place, _number(self._table, old) if old else 0)
            elif old:
                self._put_offset(place, old + _number(self._table, old) + self.shift)

    def _put_table(self, place: int, slots: Sequence[int]) -> None:
        """A table's vtable before it; the fields behind its first word are put by the caller."""
        size = 4 + 2 * len(slots)
        vtable = place - _rounded(size, 4)
        fields = 4 + 4 * len(slots)
        struct.pack_into(f"<HH{len(slots)}H", self._made, vtable, size, fields, *slots)
        struct.pack_into("<i", self._made, place, place - vtable)

    def _put_list(self, place: int, old: Sequence[int], new: int) -> None:
        self._put(place, len(old) + 1)
        for index, target in enumerate((*(each + self.shift for each in old), new), start=1):
            self._put_offset(place + 4 * index, target)

    def _put_offset(self, place: int, target: int) -> None:
        self._put(place, target - place)

    def _put(self, place: int, number: int) -> None:
        _U32.pack_into(self._made, place, number)


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step


def _number(table: Any, place: int) -> int:
    return int(_U32.unpack_from(table.Bytes, place)[0])


def _fields(table: Any) -> list[int]:
    """Where each field of the root stands; 0: nowhere, except for both lists."""
    (size,) = struct.unpack_from("<H", table.Bytes, table.Pos - _vtable_distance(table))
    count = max((size - 4) // 2, _METADATA + 1)
    found = [table.Offset(4 + 2 * index) for index in range(count)]
    places = [table.Pos + each if each else 0 for each in found]
    places[_METADATA] = places[_METADATA] or table.Pos
    return places


def _vtable_distance(table: Any) -> int:
    return int(struct.unpack_from("<i", table.Bytes, table.Pos)[0])


def _elements(table: Any, field: int) -> list[int]:
    """Where the tables of a list of the root stand."""
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return []
    start = table.Vector(offset)
    return [table.Indirect(start + 4 * index) for index in range(table.VectorLen(offset))]


def _move_content(made: bytearray, table: Any, buffer: int, shift: int) -> None:
    (distance,) = struct.unpack_from("<i", table.Bytes, buffer)
    size, _ = struct.unpack_from("<HH", table.Bytes, buffer - distance)
    if size <= _BUFFER_OFFSET_SLOT:
        return
    (slot,) = struct.unpack_from("<H", table.Bytes, buffer - distance + _BUFFER_OFFSET_SLOT)
    if slot:
        place = buffer + slot + shift
        (start,) = struct.unpack_from("<Q", made, place)
        struct.pack_into("<Q", made, place, start + shift if start > 1 else start)
