"""What numbers mean, in sentences that the terminal and the page share."""

from taskzip.benchmarks.units import ABSENT, MIB, format_mib, format_rate, grouped
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.names import Clock, Deployment
from taskzip.contracts.report import Comparison, Row

CLOCK_WORDS: dict[Clock, str] = {
    "counted": (
        "Counted clock: 1 ns per executed instruction (a 1 GIPS core). It counts instructions, "
        "not cycles, caches or heat; waiting for the flash is counted too. "
        "Not the milliseconds of a phone."
    ),
    "real": "Real clock: durations depend on the machine and on what else it does.",
}

DEPLOYMENT_WORDS: dict[Deployment, str] = {
    "joint": "one joint file, all tasks loaded; a switch calls another entry point",
    "joint-lazy": (
        "one joint file, one task loaded at a time; shared weights stay, "
        "a switch loads the other task's private part"
    ),
    "separate-resident": "one file per task, all loaded; a switch calls the other network",
    "separate-lru": (
        "one file per task, the k used last loaded; a switch to another task unloads the one that "
        "was used least recently"
    ),
    "separate-swap": "one file per task, one loaded; a switch unloads it and loads the other",
}

PART_WORDS = {
    "model": "model files",
    "packed_cache": "packed caches",
    "heap": "heap",
    "code": "code",
    "other": "other",
}
"""Parts of a process's memory, in the order in which they are shown."""

METRIC_WORDS = {
    "storage_bytes": "storage",
    "pss_above_start_bytes": "memory above start",
    "first_output_over_inference": "first output after a switch over a steady inference",
    "switch_ns": "switch",
    "first_output_ns": "first output after a switch",
    "inference_ns": "steady inference",
}
METRIC_SHORT = {
    "storage_bytes": "storage",
    "pss_above_start_bytes": "memory",
    "first_output_over_inference": "switch adds",
    "load_ns": "load",
    "switch_ns": "switch",
    "first_output_ns": "first output",
    "inference_ns": "inference",
}


def origin_words(conditions: Conditions) -> str:
    """Where numbers were taken, as one line."""
    phone = f"Phone {conditions.model or ''}".strip()
    device = "Emulated ARM device" if conditions.origin == "virtual" else phone
    parts = [device, f"{conditions.clock} clock"]
    if conditions.memory_bytes is not None:
        parts.append(f"{conditions.memory_bytes // MIB} MiB memory")
    if conditions.flash_read_bytes_per_second is not None:
        parts.append(f"flash {format_rate(conditions.flash_read_bytes_per_second)}")
    if conditions.workload != "random":
        parts.append(f"{conditions.workload} workload")
    parts += [f"{name} {version}" for name, version in conditions.runtime_versions.items()]
    return " · ".join(parts)


def clock_words(conditions: Conditions) -> str:
    """What a duration means."""
    return CLOCK_WORDS[conditions.clock]


def part_words(row: Row) -> str:
    """What memory holds, `heap 1.20 MiB, model files 0.01 MiB …`; the row has parts."""
    return ", ".join(
        f"{text} {format_mib(getattr(row.parts, part).pss_bytes)} MiB"
        for part, text in PART_WORDS.items()
    )


def bar_words(comparison: Comparison) -> str:
    """The bar and whether it is met; empty where there is none."""
    if comparison.bar is None:
        return ""
    state = {True: "met", False: "missed", None: "not judged"}[comparison.holds]
    return f"{comparison.bar} {state}"


def condition_lines(conditions: Conditions) -> tuple[tuple[str, str], ...]:
    """Every condition as name and value; a dash where the device does not tell."""
    lines = []
    for name in Conditions.model_fields:
        value = getattr(conditions, name)
        if isinstance(value, dict):
            value = ", ".join(f"{key} {item}" for key, item in sorted(value.items())) or None
        elif isinstance(value, int):
            value = grouped(value)
        lines.append((name.replace("_", " "), ABSENT if value is None else str(value)))
    return tuple(lines)
