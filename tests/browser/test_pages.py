"""The pages in a real browser: nothing runs over, everything is reached, dark and light."""

import shutil
import struct
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from taskzip.benchmarks.compare.page import render_page
from taskzip.benchmarks.compare.session import from_report
from taskzip.benchmarks.compare.sidebyside import compare, read_sources
from taskzip.benchmarks.history.entries import entry_of
from taskzip.benchmarks.history.site import render_site
from taskzip.benchmarks.history.store import open_history
from taskzip.benchmarks.history.trends import Wanted, trends
from taskzip.benchmarks.page import render_html
from taskzip.contracts.report import REPORT_FILE, Report
from tests.benchmarks.history.conftest import scaled
from tests.browser.chromium import A4_MM, MM_PER_INCH, Page, browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: chromium)"),
]
PDFTOTEXT = shutil.which("pdftotext")
ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
SCREENSHOTS = ROOT / "build" / "screenshots"
PHONE, DESK = 360, 1280
MARGIN_MM, PIXELS_PER_INCH = 12, 96
PAPER = int((A4_MM[0] - 2 * MARGIN_MM) / MM_PER_INCH * PIXELS_PER_INCH)
"""What a printed page has for its text."""
WHITE = 255
PAGES = ("report", "comparison", "history")
CHANGE_DAY = 20
LEAST_CONTRAST = 4.5
"""WCAG 2.2, AA, for text of normal size."""

OVERFLOWING = """(() => {
  const page = document.documentElement, found = [];
  const tell = (element, by) => found.push(
    `${element.tagName} ${element.className.baseVal ?? element.className}: ` +
    `${element.textContent.trim().slice(0, 40)} (${by})`);
  if (page.scrollWidth > page.clientWidth) tell(page, page.scrollWidth);
  for (const each of document.body.querySelectorAll('*')) {
    const scrolls = getComputedStyle(each).overflowX === 'auto';
    if (!each.closest('svg') && !scrolls && each.clientWidth && each.scrollWidth > each.clientWidth)
      tell(each, `${each.scrollWidth} of ${each.clientWidth}`);
  }
  for (const text of document.querySelectorAll('svg text')) {
    const box = text.getBoundingClientRect();
    const frame = text.closest('figure, td').getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1) tell(text, 'drawing');
  }
  return found;
})()"""
FOCUSABLE = """Array.from(document.querySelectorAll('[tabindex="0"], summary, a[href]'))
  .filter(each => each.checkVisibility())"""
FOCUSED = f"""(() => {{
  const style = getComputedStyle(document.activeElement);
  const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  return [{FOCUSABLE}.indexOf(document.activeElement), shown];
}})()"""
COLOURS = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (...layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    return Array.from(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
  };
  const found = {};
  for (const each of document.querySelectorAll('p, h1, h2, h3, th, td, dt, dd, span, caption')) {
    if (!each.checkVisibility() || !each.textContent.trim()) continue;
    const layers = [];
    for (let at = each; at; at = at.parentElement)
      layers.unshift(getComputedStyle(at).backgroundColor);
    const pair = [rgb(getComputedStyle(each).color), rgb(...layers)];
    found[JSON.stringify(pair)] ??= [...pair, each.textContent.trim().slice(0, 30)];
  }
  return Object.values(found);
})()"""


WORDS = """(() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    if (!texts.currentNode.parentElement.closest('title, style'))
      found.push(...texts.currentNode.data.split(/\\s+/));
  return found;
})()"""
HIDDEN = """Array.from(document.querySelectorAll('td'))
  .filter(each => !each.checkVisibility()).length"""
ORIGINS = """Array.from(document.querySelectorAll('h2 .origin')).map(each => {
  const style = getComputedStyle(each);
  return [each.textContent, style.borderTopStyle, style.color];
})"""
CHANGES = """Array.from(document.querySelectorAll('.trend:has(.change)')).map(each => {
  const middle = one => { const b = one.getBoundingClientRect(); return b.left + b.width / 2; };
  const dots = Array.from(each.querySelectorAll('circle'), middle);
  const line = middle(each.querySelector('.change'));
  return dots.findIndex(dot => Math.abs(dot - line) < 1);
})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    assert CHROMIUM is not None
    with browser(CHROMIUM) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The three pages, of recorded figures."""
    folder = tmp_path_factory.mktemp("pages")
    candidate = RECORDINGS / "nights" / "n1" / "candidate" / REPORT_FILE
    sources = read_sources([RECORDINGS / "sessions" / name for name in ("first", "second")])
    texts = {
        "report": render_html(Report.read(candidate)),
        "comparison": render_page(compare(sources), sources),
        "history": render_site(month(folder / "history.sqlite", candidate)),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def month(place: Path, report: Path) -> tuple:
    """Trends of nights that are a recorded one, 2 % slower from a day on; a phone's among them."""
    entry = entry_of(from_report(report), "digits_fashion")
    with open_history(str(place)) as history:
        for day in range(1, 28):
            when = {"started_at": f"2026-01-{day:02d}T01:00:00+00:00"}
            conditions = entry.conditions.model_copy(update=when)
            factor = Random(day).gauss(1.02 if day >= CHANGE_DAY else 1.0, 0.001)
            history.add(scaled(entry.model_copy(update={"conditions": conditions}), factor))
        phone = {"origin": "phone", "clock": "real", "model": "Pixel 8", "serial": "2A171"}
        conditions = entry.conditions.model_copy(update=phone)
        history.add(entry.model_copy(update={"conditions": conditions}))
        return trends(history, Wanted())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_no_text_runs_over_at_any_width(page, files, name: str, width: int, scheme: str) -> None:
    page.open(files[name], width, scheme)
    picture = SCREENSHOTS / f"{name}.{width}.{scheme}.png"
    page.screenshot(picture)
    assert struct.unpack(">I", picture.read_bytes()[16:20]) == (width,)
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_reaches_all_that_scrolls_or_opens_and_shows_where_it_is(
    page, files, name: str
) -> None:
    page.open(files[name], PHONE, "light")
    count = page.evaluate(f"{FOCUSABLE}.length")
    assert count > 0
    reached = []
    for _ in range(count):
        page.press_tab()
        reached.append(page.evaluate(FOCUSED))
    assert reached == [[index, True] for index in range(count)]


@pytest.mark.parametrize("name", PAGES)
def test_text_stands_out_in_both_schemes(page, files, name: str) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        page.open(files[name], DESK, scheme)
        colours = page.evaluate(COLOURS)
        faint = [each for each in colours if contrast(each[0], each[1]) < LEAST_CONTRAST]
        assert faint == []
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_folded_or_dark_on_paper(page, files, name: str, scheme: str) -> None:
    page.open(files[name], PAPER, scheme, "print")
    page.screenshot(SCREENSHOTS / f"{name}.paper.{scheme}.png")
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(HIDDEN) == 0
    colours = page.evaluate(COLOURS)
    assert [each for each in colours if contrast(each[0], each[1]) < LEAST_CONTRAST] == []
    white = f"rgb({WHITE}, {WHITE}, {WHITE})"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == white


@pytest.mark.skipif(PDFTOTEXT is None, reason="nothing reads PDF here (Debian: poppler-utils)")
@pytest.mark.parametrize("name", PAGES)
def test_every_word_of_a_page_is_on_white_paper(page, files, name: str, tmp_path: Path) -> None:
    page.open(files[name], DESK, "dark")
    pdf = tmp_path / "printed.pdf"
    page.print(pdf)
    printed = without_spaces(run_on(pdf, "pdftotext", "-", encoding="utf-8"))
    words = page.evaluate(WORDS)
    assert len(words) > 100
    assert [word for word in words if without_spaces(word) not in printed] == []
    paper = run_on(pdf, "pdftoppm", "-r", "20", "-gray", "-f", "1", "-l", "1")
    points = paper.split(b"\n", 3)[-1]
    assert [points[0], points[-1]] == [WHITE, WHITE]
    assert points.count(WHITE) > len(points) / 2


def run_on(pdf: Path, program: str, *words: str, encoding: str | None = None):
    """What a program of Poppler's says of a file."""
    order = (program, pdf, *words) if encoding else (program, *words, pdf)
    return subprocess.run(order, check=True, capture_output=True, encoding=encoding).stdout


def without_spaces(text: str) -> str:
    """Letters alone, as they are compared: lines break elsewhere, and ligatures are letters."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def test_the_dashboard_tells_devices_apart_and_marks_the_night_of_a_change(page, files) -> None:
    page.open(files["history"], DESK, "light")
    emulated, phone = page.evaluate(ORIGINS)
    assert (phone[0], emulated[0]) == ("phone Pixel 8 2A171", "emulated")
    assert (phone[1], emulated[1]) == ("solid", "dashed")
    assert phone[2] != emulated[2]
    assert set(page.evaluate(CHANGES)) == {CHANGE_DAY - 1}


def contrast(one: list[int], other: list[int]) -> float:
    """The contrast ratio of WCAG 2.2."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[int]) -> float:
    """Relative luminance of WCAG 2.2, of 8-bit sRGB."""
    parts = (value / 255 for value in colour)
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_what_runs_over_and_what_is_faint_would_be_seen(page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<title>bad</title><body style='background: #fff'>"
        "<p style='width: 5rem; color: #aaa'>Donaudampfschifffahrtsgesellschaft</p>"
        "<figure style='width: 9rem'><svg viewBox='0 0 90 20' overflow='visible'>"
        "<text y='15'>further than its frame goes</text></svg></figure>"
    )
    page.open(bad, PHONE, "light")
    assert [found.split(" ")[0] for found in page.evaluate(OVERFLOWING)][:2] == ["P", "text"]
    (faint, *_) = page.evaluate(COLOURS)
    assert contrast(faint[0], faint[1]) == pytest.approx(2.32, abs=0.01)
