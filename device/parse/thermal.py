"""`dumpsys thermalservice`: how much the phone holds back because it is warm."""

import re

STATUS_NAMES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's names of the states, from 0 on."""


def parse_thermal_status(text: str) -> int | None:
    """The status as a number; None when the service is absent or says something else."""
    match = re.search(r"^Thermal Status: (\d)$", text, flags=re.MULTILINE)
    if match is None or int(match[1]) >= len(STATUS_NAMES):
        return None
    return int(match[1])
