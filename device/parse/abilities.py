"""What a device lets the harness measure, as one command on it tells: a word a line."""

from typing import Literal, get_args

Ability = Literal[
    "cold-cache", "memory", "pressure", "temperature", "battery", "energy", "pinning", "performance"
]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
ASK_ABILITIES = r"""
can() { [ $? -ne 0 ] || echo "$1"; }
{
    [ -w /proc/sys/vm/drop_caches ]; can cold-cache
    [ -r /proc/self/smaps_rollup ]; can memory
    [ -r /proc/pressure/memory ]; can pressure
    cat /sys/class/thermal/thermal_zone*/temp | grep -q .; can temperature
    dumpsys battery | grep -q level; can battery
    { cat /sys/class/power_supply/battery/current_now; dumpsys battery | grep 'Charge counter'
    } | grep -q .; can energy
    taskset -p $$ | grep -q .; can pinning
    cmd power help | grep -q fixed-performance; can performance
} 2>/dev/null
"""
"""`performance`: the phone's fixed-performance mode; `energy`: the battery's counters."""


def parse_abilities(text: str) -> tuple[Ability, ...]:
    """The abilities that the device named, in a fixed order; other words are passed over."""
    said = set(text.split())
    return tuple(ability for ability in ABILITIES if ability in said)
