"""What a file format cannot hold, said before the long work."""

from collections.abc import Sequence
from pathlib import PurePath

from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import unique_bytes

MOST_BYTES: dict[Runtime, int] = {"litert": 2**31 - 2**20}
"""A .tflite is one flatbuffer, whose offsets have 31 bits; a MiB of it is left for the graphs.
The constants of a .pte lie in segments behind its flatbuffer, at offsets of 64 bits."""


def check_size(runtime: Runtime, path: PurePath, entries: Sequence[EntryPoint]) -> None:
    """BadInput when the weights of the entries, each counted once, do not fit into such a file."""
    most = MOST_BYTES.get(runtime)
    weights = unique_bytes(entry.module for entry in entries)
    if most is not None and weights > most:
        raise BadInput(
            f"{path.name}: the weights of {', '.join(entry.name for entry in entries)} take "
            f"{weights:,} bytes; a {path.suffix} holds at most {most:,}. Share more of them, zip "
            f"fewer tasks, or leave {runtime} out of [export] runtimes"
        )
