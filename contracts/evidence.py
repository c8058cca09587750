"""`evidence.json`: what a packed measurement holds; its hash names the whole."""

from typing import Literal

from taskzip.contracts.bundle import File
from taskzip.contracts.document import Document

EVIDENCE_FILE = "evidence.json"


class Evidence(Document):
    """Every file with its hash, and the versions of what made the report."""

    format: Literal[1] = 1
    files: tuple[File, ...]
    versions: dict[str, str]
    """Package name → version; another version may draw the page otherwise."""
