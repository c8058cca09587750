"""Several outputs in one: sections with a NUL byte between them."""

from taskzip.device.errors import ParseTrouble


def split_sections(text: str, count: int) -> list[str]:
    """Exactly `count` sections; ParseTrouble for another number."""
    sections = text.split("\0")
    if len(sections) != count:
        raise ParseTrouble(f"the device gave {len(sections)} sections of output, not {count}")
    return sections
