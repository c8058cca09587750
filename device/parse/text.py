"""Text from a device, before it is shown."""

SHOWN_CHARS = 200


def printable(text: str, limit: int = SHOWN_CHARS) -> str:
    """One line of at most `limit` characters, without anything that steers a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:limit]
