"""Provenance: what a model file says of how it was made."""

from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Sha256, TaskName

PROVENANCE = "taskzip.provenance"
"""The named data of a .pte, or the metadata of a .tflite, that holds the document."""
PROVENANCE_OF_DATA = "taskzip.provenance.data"
"""The same in a .ptd: loaded with its .pte, no name may stand in both."""


class Provenance(Document):
    """Written by the exporter into the file itself."""

    format: Literal[1] = 1
    tasks: tuple[TaskName, ...]
    plan_sha256: Sha256 | None = None
    """Of the `zip/plan.json` that made the network; None where no zip made it."""
    versions: dict[str, str]
    """Package name → version that made the file."""

    def as_bytes(self) -> bytes:
        """As the file holds it."""
        return self.model_dump_json().encode()
