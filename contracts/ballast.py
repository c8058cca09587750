"""What `taskzip-runner --ballast` says, in one line, once it has its memory."""

from typing import Annotated

from pydantic import Field

from taskzip.contracts.document import Document


class Ballast(Document):
    """Memory that a process holds so that others have less."""

    ballast_bytes: Annotated[int, Field(gt=0)]
    is_locked: bool
    """Whether the system may not swap it out."""
    is_spared: bool
    """Whether the system takes others before it when it ends processes for lack of memory."""
