"""TOML that users write: read, and its wrong keys explained."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from taskzip.contracts.errors import BadInput


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The tables of a TOML file; BadInput names the file and `what` it should be."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {what} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not TOML: {error}") from error


def unknown_key(key: str, where: str, known: Iterable[str]) -> str:
    """What is wrong with a key that nobody knows, and which one may be meant."""
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.0)
    return (
        f"unknown key {key!r} at {where}; did you mean {near[0]!r}? "
        f"(known here: {', '.join(names)})"
    )
