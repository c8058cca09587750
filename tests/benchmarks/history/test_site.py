import re
from random import Random

import pytest

from taskzip.benchmarks.history.site import render_site
from taskzip.benchmarks.history.trends import Wanted, trends
from tests.benchmarks.test_report import Outline


def nights(history, make_entry, **about) -> None:
    for day in range(1, 13):
        factor = Random(day).gauss(1.02 if day > 8 else 1.0, 0.0005)
        history.add(make_entry(day=day, factor=factor, **about))


@pytest.fixture
def page(history, make_entry) -> str:
    nights(history, make_entry)
    return render_site(trends(history, Wanted()))


def test_the_page_is_well_formed_and_says_all_in_words(page: str) -> None:
    outline = Outline(page)
    assert outline.headings[0] == 1
    assert outline.heads_without_scope == 0
    assert outline.tables == outline.captions == 3  # the news, and a table per runtime
    assert outline.images == page.count("<svg") == 24  # six figures of four cells


def test_the_page_needs_no_network_and_no_script(page: str) -> None:
    assert "<script" not in page
    assert re.findall(r"https?://", page) == []


def test_a_change_stands_at_the_top_with_a_line_in_its_drawing(page: str) -> None:
    date = '<th scope="row" class="date">2026-01-09</th>'
    assert f'{date}<td class="number"><span class="bad">+' in page
    assert page.count('class="change"') == 12  # three latencies of four cells


def test_names_are_text(history, make_entry) -> None:
    nights(history, make_entry, night="<b>n")
    text = render_site(trends(history, Wanted()))
    Outline(text)
    assert "<b>" not in text


def test_a_single_night_and_none_are_pages_too(history, make_entry) -> None:
    assert "History of 0 nights" in render_site(())
    history.add(make_entry())
    Outline(render_site(trends(history, Wanted())))
