"""What the files hold, drawn: no byte is left out, and areas are as bytes are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.benchmarks.treemap import areas_of, blocks_of, treemap_svg, treemap_words
from taskzip.contracts.ledger import Constant, FileLedger, Use

ENTRIES = ("digits", "fashion")


def constant(size: int, *entries: str) -> Constant:
    uses = tuple(Use(entry=entry, operator="0 Conv2d filter") for entry in entries)
    return Constant(bytes=size, sha256="0" * 64, dtype="float32", shape=(size // 4,), uses=uses)


def file_of(*constants: Constant, entries: tuple[str, ...], program: int = 1000) -> FileLedger:
    stored = sum(each.bytes for each in constants)
    return FileLedger(
        path="executorch/joint.pte",
        runtime="executorch",
        bytes=stored + program,
        program_bytes=program,
        entries=entries,
        shared_bytes=sum(each.bytes for each in constants if len(each.entries) > 1),
        private_bytes={
            name: sum(each.bytes for each in constants if each.entries == (name,))
            for name in entries
        },
        unused_bytes=sum(each.bytes for each in constants if not each.entries),
        duplicated_bytes=0,
        constants=constants,
    )


uses = st.sampled_from([("digits", "fashion"), ("digits",), ("fashion",), ()])
constants = st.lists(st.builds(lambda n, u: constant(4 * n, *u), st.integers(0, 9999), uses))


@given(constants)
def test_the_areas_of_a_file_add_up_to_its_bytes(some: list[Constant]) -> None:
    file = file_of(*some, entries=ENTRIES)
    assert sum(area.bytes for area in areas_of(file)) == file.bytes
    assert all(area.bytes > 0 for area in areas_of(file))


def rectangles(svg: str) -> list[float]:
    """Areas of all drawn rectangles, in the drawing's units."""
    found = []
    for path in re.findall(r'<path d="(M[^"]*?)z?"[^>]*style="fill: var', svg, flags=re.DOTALL):
        points = [float(word) for word in re.findall(r"-?[\d.]+", path)]
        xs, ys = points[::2], points[1::2]
        found.append((max(xs) - min(xs)) * (max(ys) - min(ys)))
    return found


def test_a_rectangle_is_as_large_as_its_bytes_and_the_joint_file_on_the_same_scale() -> None:
    joint = file_of(constant(800_000, *ENTRIES), entries=ENTRIES, program=0)
    alone = file_of(constant(400_000, "digits"), entries=("digits",), program=0)
    large, small = rectangles(treemap_svg(blocks_of([joint, alone]), "files"))
    assert large / small == pytest.approx(2, rel=0.03)  # less the gaps


def test_what_is_shared_is_told_without_the_drawing() -> None:
    joint = file_of(constant(1 << 20, *ENTRIES), constant(1 << 20, "digits"), entries=ENTRIES)
    assert treemap_words([joint]) == (
        "What the files hold. executorch/joint.pte: 2.00 MiB, of it 1.00 shared."
    )
