"""What the forms of partly shared layers cost, as figures and as a table."""

from collections.abc import Callable

from rich.table import Table

from taskzip.benchmarks.units import format_mib
from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, LayerForm, Nanoseconds, Runtime

_NS_PER_MS = 1e6
_FIGURES: dict[str, Callable[[int], str]] = {
    "inference_ns": lambda ns: f"{ns / _NS_PER_MS:.3f}",
    "switch_ns": lambda ns: f"{ns / _NS_PER_MS:.2f}",
    "memory_bytes": format_mib,
    "storage_bytes": format_mib,
}
_WORDS = {
    "inference_ns": "inference, ms",
    "switch_ns": "switch, ms",
    "memory_bytes": "memory, MiB",
    "storage_bytes": "storage, MiB",
}


class Side(Document):
    """All tasks from one file, or each from its own; times are those of the fastest round."""

    inference_ns: Nanoseconds
    """Median of all tasks' inferences, every task loaded."""
    switch_ns: Nanoseconds
    """Median, one task loaded at a time."""
    memory_bytes: Bytes
    """PSS above the runtime's own after every task has run, all loaded."""
    storage_bytes: Bytes


class FormPrice(Document):
    """One runtime's files of one bundle."""

    bundle: str
    runtime: Runtime
    forms: dict[LayerForm, int]
    """How many layers are in which form."""
    joint: Side
    separate: Side

    @property
    def inference_ratio(self) -> float:
        """Joint / separate."""
        return self.joint.inference_ns / self.separate.inference_ns


class FormPrices(Document):
    """What was measured."""

    device: str
    packed_cache: bool
    inferences: int
    switches: int
    rounds: int
    prices: tuple[FormPrice, ...]


def render(prices: FormPrices) -> Table:
    """A block of lines for each bundle and runtime."""
    table = Table("", "joint", "separate", "joint / separate")
    for price in prices.prices:
        forms = ", ".join(f"{count} {form}" for form, count in sorted(price.forms.items()))
        table.add_section()
        table.add_row(f"{price.bundle}, {price.runtime}: {forms or 'no layer shared in part'}")
        for name, show in _FIGURES.items():
            ours, alone = (getattr(side, name) for side in (price.joint, price.separate))
            ratio = f"{ours / alone:.3f}" if alone else "–"
            table.add_row(f"  {_WORDS[name]}", show(ours), show(alone), ratio)
    packed = ", packed caches" if prices.packed_cache else ""
    table.caption = (
        f"{prices.device}{packed}: the least of {prices.rounds} rounds in turns, each the median "
        f"of {prices.inferences} inferences of every task twice, and of {prices.switches} switches "
        "with one task loaded at a time; memory is PSS with all tasks loaded"
    )
    return table
