"""Which sides may be compared at all."""

from collections.abc import Collection, Iterator, Sequence

from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.journal import differing_fields
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.errors import BadInput
from taskzip.contracts.sidebyside import Difference

NEVER = ("origin", "clock")
"""Emulated and phone, counted and real: these figures are of different things."""


def allowed_differences(
    sources: Sequence[Source], allow: Collection[str]
) -> tuple[Difference, ...]:
    """The conditions that differ, all of them allowed; BadInput names one that is not."""
    _refuse_unknown(allow)
    found: dict[str, dict[str, str]] = {}
    first = sources[0].sessions[0]
    for source in sources:
        for session in source.sessions:
            for field in differing_fields(first.conditions, session.conditions):
                one, other = (getattr(c, field) for c in (first.conditions, session.conditions))
                if field not in allow:
                    raise BadInput(
                        f"{first.source} and {session.source} were measured under different "
                        f"conditions, {field}: {one} and {other}; measure again under the same, "
                        f"or compare all the same with --allow {field}"
                        if field not in NEVER
                        else f"{first.source} and {session.source} are never compared, {field}: "
                        f"{one} and {other}"
                    )
                values = found.setdefault(field, {sources[0].name: str(one)})
                values[source.name] = ", ".join(_values(source, field))
    return tuple(Difference(field=field, values=values) for field, values in found.items())


def _values(source: Source, field: str) -> Iterator[str]:
    seen = dict.fromkeys(str(getattr(each.conditions, field)) for each in source.sessions)
    yield from seen


def _refuse_unknown(allow: Collection[str]) -> None:
    for field in allow:
        if field in NEVER:
            raise BadInput(f"--allow {field}: figures whose {field} differs are never compared")
        if field not in Conditions.model_fields:
            raise BadInput(
                f"--allow {field}: no such condition; there are "
                f"{', '.join(name for name in Conditions.model_fields if name not in NEVER)}"
            )
