"""Integers with units into text; nowhere else are figures rounded."""

MIB = 1 << 20
ABSENT = "–"

_NS_UNITS = (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000), ("ns", 1))


def format_mib(size_bytes: float | None) -> str:
    """Mebibytes with two decimals, without the unit: `1.68`."""
    return ABSENT if size_bytes is None else f"{size_bytes / MIB:.2f}"


def format_ns(duration_ns: float | None) -> str:
    """Three significant digits in the unit that fits: `640 ns`, `14.0 ms`."""
    if duration_ns is None:
        return ABSENT
    unit, size = _unit_of(duration_ns)
    return f"{significant(duration_ns / size)} {unit}"


def _unit_of(duration_ns: float) -> tuple[str, int]:
    fitting = ((unit, size) for unit, size in _NS_UNITS if duration_ns >= size)
    return next(fitting, _NS_UNITS[-1])


def format_ratio(ratio: float) -> str:
    """A ratio with three significant digits, from a hundred on without decimals: `0.512`."""
    return significant(ratio)


def format_interval(interval: tuple[float, float] | None) -> str:
    """A 95 % interval of a ratio: `0.98 … 1.02`; a dash where nothing was sampled."""
    if interval is None:
        return ABSENT
    low, high = interval
    return f"{format_ratio(low)} … {format_ratio(high)}"


def format_ns_interval(interval: tuple[float, float] | None) -> str:
    """A 95 % interval of a duration, `13.9 … 14.1 ms`; a dash where nothing was sampled."""
    if interval is None:
        return ABSENT
    low, high = interval
    unit, size = _unit_of(high)
    return f"{significant(low / size)} … {significant(high / size)} {unit}"


def format_change(ratio: float) -> str:
    """A ratio as what was added or taken away, `+1.25 %`; from tenfold on as a factor, `×12.3`."""
    if ratio >= 10:  # noqa: PLR2004 - percentages of four digits say nothing
        return f"×{significant(ratio)}"
    percent = (ratio - 1) * 100
    decimals = 1 if abs(percent) >= 10 else 2  # noqa: PLR2004 - three digits
    return f"{signed(percent, decimals) if round(percent, decimals) else '0.00'} %"


def signed(value: float, decimals: int = 2) -> str:
    """With plus or minus, never a hyphen: `+0.31`."""
    return f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def format_figure(metric: str, value: float) -> str:
    """A figure in the unit that its metric's name ends with: `1.68 MiB`, `14.0 ms`."""
    return f"{format_mib(value)} MiB" if metric.endswith("_bytes") else format_ns(value)


def format_percent(ratio: float) -> str:
    """A ratio as whole percent: `51 %`."""
    return f"{ratio * 100:.0f} %"


def format_rate(bytes_per_second: float) -> str:
    """Mebibytes per second: `191 MiB/s`."""
    return f"{significant(bytes_per_second / MIB)} MiB/s"


def significant(value: float) -> str:
    """Three significant digits, never in powers of ten; thousands are set apart."""
    size = abs(value)
    if size >= 100:  # noqa: PLR2004 - the digits before the point
        return grouped(round(value))
    decimals = 1 if size >= 10 else 2 if size >= 1 else 3  # noqa: PLR2004
    return f"{value:.{decimals}f}"


def grouped(count: int) -> str:
    """An integer with its thousands set apart by narrow spaces."""
    return f"{count:,}".replace(",", "\u202f")
