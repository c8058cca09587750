"""A document that crosses a wall: validated on the way in, written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from taskzip.contracts.errors import BadInput

Model = TypeVar("Model", bound="Document")


class Document(BaseModel):
    """Immutable, strict about unknown keys; the base of every contract."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def parse(cls, text: str | bytes, source: str) -> Self:
        """The document in a JSON text; BadInput names `source`, the field and what is wrong."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise BadInput(f"{source}: {describe(error)}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """The document in a file; BadInput when it is missing or does not fit."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
        return cls.parse(text, str(path))

    def write(self, path: Path) -> None:
        """Replace `path` in one step by this document as indented JSON."""
        write_atomically(path, self.model_dump_json(indent=2).encode() + b"\n")

    def as_json_data(self) -> dict[str, Any]:
        """The document as plain JSON data."""
        loaded: dict[str, Any] = json.loads(self.model_dump_json())
        return loaded


def validated(model: type[Model], data: Any, source: str) -> Model:
    """The document that the data describe; BadInput names `source`, the field and what is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise BadInput(f"{source}: {describe(error)}") from error


def describe(error: ValidationError) -> str:
    """The first problem of a validation error as `field: what is wrong (value)`."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "document"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {first['msg']}, got {_shortened(first['input'])}{more}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside `path`, then rename: a reader never sees half a file."""
    with replacing(path) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to be written; it takes the place of `path` unless the block raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _shortened(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
