"""Pieces that several parsers share: whole numbers from text, with an error that shows the text."""

from taskzip.device.errors import ParseTrouble

SHOWN_CHARS = 80


def whole_number(text: str, what: str) -> int:
    """The non-negative integer that `text` is; ParseTrouble says what it should have been."""
    if not (text.isascii() and text.isdigit() and len(text) <= len("18446744073709551615")):
        raise ParseTrouble(f"{what} should be a whole number, the device says {shown(text)}")
    return int(text)


def shown(text: str) -> str:
    """Text from a device, fit for a message."""
    return repr(text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…")
