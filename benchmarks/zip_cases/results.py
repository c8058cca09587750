"""`cases.jsonl`: what was zipped so far, a line for each zip."""

from collections.abc import Iterator
from pathlib import Path

from taskzip.contracts.document import write_atomically
from taskzip.contracts.zipcases import CaseZip

Identity = tuple[str, int, str, bool, bool]


class Results:
    """Lines are added as they come; the file is whole at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.zips = list(_read(path))

    def add(self, found: CaseZip) -> None:
        """Keep a result in place of an older one of the same zip."""
        others = [each for each in self.zips if identity(each) != identity(found)]
        self.zips = [*others, found]
        lines = (each.model_dump_json() + "\n" for each in self.zips)
        write_atomically(self._path, "".join(lines).encode())

    def has(self, wanted: Identity, made_of: str) -> bool:
        """Whether this very zip was done."""
        return any(identity(each) == wanted and each.made_of == made_of for each in self.zips)


def identity(found: CaseZip) -> Identity:
    """Case, repetition, method, refit, whether retrained."""
    return (
        found.case,
        found.repetition,
        found.method,
        found.refit,
        found.iterations is not None,
    )


def _read(path: Path) -> Iterator[CaseZip]:
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            yield CaseZip.parse(line, f"{path}:{number}")
