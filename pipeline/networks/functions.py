"""A user's functions by reference."""

from collections.abc import Callable
from typing import Any

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.user_code import UserFolder


def find_function(reference: str, code: UserFolder, where: str) -> Callable[..., Any]:
    """What `module:name` stands for in the folder; BadInput begins with `where`."""
    module_name, _, name = reference.partition(":")
    try:
        module = code.module(module_name)
    except Exception as error:
        raise BadInput(
            f"{where}: module {module_name!r} does not import from {code.folder} "
            f"({type(error).__name__}: {error})"
        ) from error
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(found):
        raise BadInput(f"{where}: module {module_name!r} has no function {name!r}")
    return found
