"""What changed: from what the sessions before and tonight were taken with, and from pinned files.

The reference never changes, so what moves it is not in the files. A candidate's own files are told
from what is around them by running the last good files again, in one session with tonight's. The
exporter is told from the zipper by exporting the last good zip again: what today's exporters make
of it has nothing of today's zipper.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp

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
_OF_NETWORKS = ("[[tasks]]", "weights of ", "network of ")


@dataclass(frozen=True)
class Sessions:
    """The last good session, and tonight's, of what moved; ratios as logarithms."""

    before: Entry
    tonight: Entry
    shift: float = 0.0
    """Of tonight's figure from its level before."""
    least: float = 0.0
    """Changes up to this are not worth telling."""
    good: float | None = None
    """Tonight's files to the last good ones, in one session; None: these were not run again."""
    exported: float | None = None
    """The last good zip, exported again tonight, to the last good files; None: no zip is kept."""
    zip_differences: tuple[str, ...] = ()
    """What tonight's zip read otherwise than the last good one."""

    def explains(self, log_ratio: float) -> bool:
        """Whether it is a change like the one that was found."""
        return log_ratio * self.shift > 0 and abs(log_ratio) > self.least


def name_causes(series: Series, sessions: Sessions) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """The causes, the likeliest alone where the evidence goes so far, and the evidence."""
    before, tonight = sessions.before, sessions.tonight
    around = list(_around(series, before.conditions, tonight.conditions))
    if before.bundle_sha256 == tonight.bundle_sha256:
        return _causes([("the model files are the same", None), *around])
    if sessions.good is None:
        files = [("the model files differ; the last good ones are not kept", None)]
        return _causes([*files, *_by_versions(series, before, tonight), *around])
    measured = f"{format_change(exp(sessions.good))} to the last good files, run again tonight"
    if not sessions.explains(sessions.good):
        return _causes([(measured, None), *around])
    if sessions.exported is None:
        return _causes([(measured, None), *_by_versions(series, before, tonight)])
    return _causes([(measured, None), *_by_export(series, sessions)])


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


def _by_export(series: Series, sessions: Sessions) -> Iterator[_Told]:
    """What today's exporters make of the last good zip is theirs; the rest is the zip's.

    Separate files never see the zipper, but they are exported of today's networks.
    """
    assert sessions.good is not None  # noqa: S101 - else nothing was exported again
    assert sessions.exported is not None  # noqa: S101 - the caller looked
    is_joint = series.deployment.startswith("joint")
    changed: list[_Told] = [
        (f"{what} changed", "networks" if _is_of_networks(what) else "zipper")
        for what in sessions.zip_differences
    ]
    networks = [each for each in changed if each[1] == "networks"]
    again = f"{format_change(exp(sessions.exported))} of the last good zip, exported again tonight"
    is_exporters = sessions.explains(sessions.exported) and (is_joint or not networks)
    yield again, "exporter" if is_exporters else None
    if is_exporters:
        yield from ((text, None) for text, _ in _versions(sessions.before, sessions.tonight))
    if not is_joint:
        yield from networks
    elif sessions.explains(sessions.good - sessions.exported):
        yield from changed or [("the zip is another, of the same networks", "zipper")]


def _is_of_networks(what: str) -> bool:
    """Whether something that a zip reads is the user's networks or data."""
    return what.startswith(_OF_NETWORKS) or what.endswith(".py")


def _by_versions(series: Series, before: Entry, tonight: Entry) -> Iterator[_Told]:
    """What made the files: the separate ones never see the zipper."""
    told = list(_versions(before, tonight))
    yield from told
    if any(cause == "exporter" for _, cause in told):
        return
    if series.deployment.startswith("joint"):
        yield "no exporter changed, the joint files did", "zipper"
    else:
        yield "no exporter changed, the separate files did: other networks?", None


def _versions(before: Entry, tonight: Entry) -> Iterator[_Told]:
    for name in dict.fromkeys((*before.versions, *tonight.versions)):
        one, other = before.versions.get(name), tonight.versions.get(name)
        if one != other:
            cause: Cause = "zipper" if name in _NOT_EXPORTERS else "exporter"
            yield f"{name} {one}, now {other}", cause
