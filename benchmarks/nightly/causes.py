"""What changed: from what the sessions before and tonight were taken with, and from pinned files.

The reference never changes, so what moves it is not in the files. A candidate's own files are told
from what is around them by running the last good files again, in one session with tonight's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from taskzip.benchmarks.units import format_change
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.history import Entry, Series
from taskzip.contracts.nightly import Cause

_FIELDS: dict[str, Cause] = {
    "runner_version": "runner",
    "kernel": "os",
    "android_version": "os",
    **dict.fromkeys(
        (
            *("model", "abi", "cpus", "memory_bytes", "cpu_model", "host", "devices"),
            *("flash_read_bytes_per_second", "flash_read_iops"),
        ),
        "device",
    ),
}
_NOT_EXPORTERS = ("taskzip",)


@dataclass(frozen=True)
class Sessions:
    """The last good session, and tonight's, of what moved."""

    before: Entry
    tonight: Entry
    good_again: float | None = None
    """Tonight's figure / that of the last good files in the same session; None: not run again."""
    is_shown: bool = False
    """Whether that is a change worth telling."""


def name_causes(series: Series, sessions: Sessions) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """The causes, the likeliest alone where the evidence goes so far, and the evidence."""
    before, tonight = sessions.before, sessions.tonight
    around = list(_around(series, before.conditions, tonight.conditions))
    if before.bundle_sha256 == tonight.bundle_sha256:
        return _causes([("the model files are the same", None), *around])
    if sessions.good_again is None:
        files = [("the model files differ; the last good ones are not kept", None)]
        return _causes([*files, *_in_files(series, before, tonight), *around])
    measured = f"{format_change(sessions.good_again)} to the last good files, run again tonight"
    if sessions.is_shown:
        return _causes([(measured, None), *_in_files(series, before, tonight)])
    return _causes([(measured, None), *around])


_Told = tuple[str, Cause | None]


def _causes(told: list[_Told]) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    named = tuple(dict.fromkeys(cause for _, cause in told if cause is not None))
    return named or ("unknown",), tuple(text for text, _ in told)


def _around(series: Series, before: Conditions, tonight: Conditions) -> Iterator[_Told]:
    """What the files run in."""
    one, other = (each.runtime_versions.get(series.runtime) for each in (before, tonight))
    if one != other:
        yield f"{series.runtime} {one}, now {other}", "runtime"
    for field, cause in _FIELDS.items():
        one, other = getattr(before, field), getattr(tonight, field)
        if one != other:
            yield f"{field.replace('_', ' ')} {one}, now {other}", cause


def _in_files(series: Series, before: Entry, tonight: Entry) -> Iterator[_Told]:
    """What made the files: the separate ones never see the zipper."""
    names = dict.fromkeys((*before.versions, *tonight.versions))
    changed = [name for name in names if before.versions.get(name) != tonight.versions.get(name)]
    makers = [name for name in changed if name not in _NOT_EXPORTERS]
    for name in changed:
        cause: Cause = "exporter" if name in makers else "zipper"
        yield f"{name} {before.versions.get(name)}, now {tonight.versions.get(name)}", cause
    if not makers and series.deployment.startswith("joint"):
        yield "no exporter changed, the joint files did", "zipper"
    if not makers and not series.deployment.startswith("joint"):
        yield "no exporter changed, the separate files did: other networks?", None
