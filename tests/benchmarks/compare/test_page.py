import re
from pathlib import Path

import pytest

from taskzip.benchmarks.compare.page import render_page
from taskzip.benchmarks.compare.sidebyside import compare, read_sources
from taskzip.contracts.events import MemoryPart, MemoryParts
from taskzip.contracts.ledger import Ledger
from taskzip.contracts.report import Report
from tests.benchmarks.compare.conftest import SESSIONS, row
from tests.benchmarks.test_report import Outline
from tests.benchmarks.test_treemap import ENTRIES, constant, file_of

RECORDED = (SESSIONS / "first", SESSIONS / "second")


def page_of(*paths: Path) -> str:
    sources = read_sources(paths)
    return render_page(compare(sources), sources)


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(*RECORDED)


def test_the_page_is_well_formed_and_says_all_in_words(page: str) -> None:
    outline = Outline(page)
    assert outline.headings[0] == 1
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.references <= set(outline.ids)
    assert outline.heads_without_scope == 0
    assert outline.tables == outline.captions > 0
    assert outline.images == page.count("<svg") == 10


def test_the_page_needs_no_network_and_no_script(page: str) -> None:
    assert "<script" not in page
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_page_shows_every_figure_and_every_pair_of_tasks(page: str) -> None:
    assert page.count('<th scope="row">first output</th>') == 4
    assert "What changed: 20 equivalent" in page
    assert "B against A: executorch separate-swap cold" in page
    assert page.count('class="number heat') == 8
    assert page.count("#0a0b") == 0  # every stand-in has become a colour of the page


def test_a_lane_tells_its_figure_with_the_interval_under_the_pointer(page: str) -> None:
    told = re.findall(r'<g class="hover"><title>([^<]*)</title>', page)
    assert len(told) == 40
    assert told[0] == "joint-lazy cold, A: median 1.76 ms, 7 samples"
    assert told[1] == (
        "joint-lazy cold, B: median 1.76 ms, −0.09 % (−0.38 … +0.20 %), 7 samples, equivalent"
    )


def test_the_same_comparison_gives_the_same_page(page: str) -> None:
    assert page_of(*RECORDED) == page


def test_what_is_slower_comes_first_with_three_sides(make_report) -> None:
    names = [1_000_000 + 100 * number for number in range(12)]
    slow = [round(1.1 * sample) for sample in names]
    text = page_of(make_report("a", names), make_report("b", names), make_report("c", slow))
    assert "Not equivalent" in text
    assert text.index("C: litert separate-swap warm") < text.index("B: litert separate-swap warm")


def test_memory_is_shown_by_what_it_holds_where_that_is_known(make_report) -> None:
    part = MemoryPart(**dict.fromkeys(MemoryPart.model_fields, 1_600_000))
    parts = MemoryParts(**dict.fromkeys(MemoryParts.model_fields, part))
    paths = [make_report(name, rows=(row([80] * 8, parts=parts),)) for name in "ab"]
    text = page_of(*paths)
    Outline(text)
    assert "<h2>What memory holds</h2>" in text


def test_files_are_drawn_once_for_all_sides_that_have_them(make_report) -> None:
    paths = [make_report(name, [80] * 8) for name in "abc"]
    for path, size in zip(paths, (800_000, 800_000, 400_000), strict=True):
        joint = file_of(constant(size, *ENTRIES), entries=ENTRIES).model_copy(
            update={"runtime": "litert"}
        )
        report = Report.read(path)
        report.model_copy(update={"ledger": Ledger(files=(joint,))}).write(path)
    text = page_of(*paths)
    Outline(text)
    assert "<h2>What the files hold</h2>" in text
    headings = re.findall(r">([A-C, ]+): one joint file: (\S+) MiB<", text)
    assert headings == [("A, B", "0.76"), ("C", "0.38")]


def test_names_are_text_and_what_is_missing_is_not_drawn(make_report) -> None:
    bare = row(
        [80] * 8,
        steps=(),
        pss_bytes=None,
        start_pss_bytes=None,
        peak_pss_bytes=None,
        memory_cache=None,
    )
    text = page_of(*(make_report(name, rows=(bare,)) for name in ("<b>a", "b")))
    Outline(text)
    assert "&lt;b&gt;a" in text
    assert "From task to task" not in text
    assert "<h2>Memory</h2>" not in text
