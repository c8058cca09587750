"""`getprop`: Android's system properties."""

import re

_LINE = re.compile(r"^\[([^\[\]]+)\]: \[(.*?)\]$", flags=re.DOTALL | re.MULTILINE)


def parse_properties(text: str) -> dict[str, str]:
    """Properties by name, a value may have several lines; empty for anything else than getprop."""
    return dict(_LINE.findall(text.replace("\r\n", "\n")))
