"""Layers named in a config."""

import difflib
from collections.abc import Iterable, Sequence

from taskzip.contracts.errors import BadInput


def check_names(key: str, given: Iterable[str], known: Sequence[str]) -> None:
    """BadInput for a name under `key` that no layer which can be shared has."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(
                f"{key}: no layer that can be shared is called {name!r}{hint} "
                f"(known: {', '.join(known) or 'none'})"
            )
