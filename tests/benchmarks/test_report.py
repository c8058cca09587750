import io
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from taskzip.benchmarks.headlines import make_headlines
from taskzip.benchmarks.journal import read_records
from taskzip.benchmarks.page import render_html
from taskzip.benchmarks.report import build_report, write_report
from taskzip.benchmarks.table import render_report
from taskzip.contracts import schema
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.ledger import Constant, FileLedger, Ledger
from taskzip.contracts.names import RUNTIMES
from taskzip.contracts.record import Record
from taskzip.contracts.report import Parity, Pushed, Report
from taskzip.contracts.zipresult import Cost, Parameters, ZippedTask, ZipResult

ZIPPED = ZipResult(
    cost=Cost(seconds=21.4, peak_rss_bytes=900 << 20),
    tasks=(ZippedTask(name="digits", error_percent=None),),
    parameters=Parameters(separate=862_160, joint=435_220, shared=426_900),
    layers=(),
)
VOID = {"meta", "br", "path", "use", "rect"}


def build(folder: Path) -> Report:
    """The report of the records in a folder."""
    pushed = Pushed(files=3, bytes=9, skipped_files=0, skipped_bytes=0, bytes_per_second=None)
    bundle = Bundle.read(folder / "bundle" / BUNDLE_FILE)
    return build_report(bundle, folder / "bundle", folder, pushed=pushed, zipped=ZIPPED)


@pytest.fixture(scope="module")
def report(measured_folder: Path) -> Report:
    return build(measured_folder)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_html(report)


@pytest.fixture
def folder(measured_folder: Path, tmp_path: Path) -> Path:
    """A copy of what was measured, to be changed."""
    return Path(shutil.copytree(measured_folder, tmp_path / "copy"))


def test_the_price_of_forms_stands_beside_how_many_layers_have_them(report: Report) -> None:
    forms = {"executorch": {"conv1": "assembled", "conv2": "assembled", "fc": "blocked"}}
    formed = Report.model_validate({**report.model_dump(), "forms": forms})
    *_, told = make_headlines(formed)
    assert [answer.runtime for answer in told.answers] == ["executorch"]
    (sentence, *lazy) = told.answers[0].sentences
    assert sentence.startswith("Layers that tasks share in part: 2 assembled, 1 blocked. An inf")
    assert "With one task loaded at a time" in lazy[0]
    assert told not in make_headlines(report)


def keep_records(folder: Path, keep: Callable[[int, Record], bool]) -> None:
    """Thin out the journal."""
    kept = [record for n, record in enumerate(read_records(folder)) if keep(n, record)]
    text = "".join(record.model_dump_json() + "\n" for record in kept)
    (folder / "records.jsonl").write_text(text)


def on_terminal(report: Report) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(render_report(report))
    return console.export_text()


class Outline(HTMLParser):
    """Checks that tags are closed in order; collects ids, headings, table heads and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.headings: list[int] = []
        self.heads_without_scope = 0
        self.tables = self.captions = self.images = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.references.update(
            value[1:] for name, value in attrs if name.endswith("href") and value
        )
        self.references.update(re.findall(r"url\(#([^)]+)\)", str(attrs)))
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.images += named.get("role") == "img" and bool(named.get("aria-label"))
        self.heads_without_scope += tag == "th" and "scope" not in named
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_report_fits_its_schema_and_comes_back_whole(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report.write(path)
    Draft202012Validator(schema.shipped("report")).validate(json.loads(path.read_text()))
    assert Report.read(path) == report


def test_rows_come_in_a_fixed_order(report: Report) -> None:
    names = [(row.runtime, row.deployment, row.cache, row.packed_cache) for row in report.rows[:5]]
    assert names == [
        ("executorch", "joint", "warm", False),
        ("executorch", "joint", "warm", True),
        ("executorch", "joint", "cold", False),
        ("executorch", "joint", "cold", True),
        ("executorch", "joint-lazy", "warm", False),
    ]
    assert len(report.rows) == 32


def test_conditions_carry_the_versions_that_the_runner_told(report: Report) -> None:
    assert report.conditions.runtime_versions == {"executorch": "1.5.1", "litert": "2.3.0"}
    assert report.conditions.runner_version == "0.1.0"


def test_an_interrupted_experiment_is_reported_as_far_as_it_went(folder: Path) -> None:
    keep_records(folder, lambda number, _: number < 250)
    part = build(folder)
    assert 0 < len(part.rows) < 32
    assert not all(row.valid for row in part.rows)
    assert "not valid" in on_terminal(part)
    Outline(render_html(part))


def test_parity_alone_gives_a_report_without_rows(folder: Path) -> None:
    keep_records(folder, lambda _, record: record.mode == "parity")
    part = build(folder)
    assert (part.rows, part.comparisons, len(part.parity)) == ((), (), 16)
    Outline(render_html(part))
    assert "Parity: all 16" in on_terminal(part)


def test_latency_without_memory_is_reported(folder: Path) -> None:
    keep_records(folder, lambda _, record: record.mode == "latency")
    part = build(folder)
    assert {row.pss_bytes for row in part.rows} == {None}
    assert not any(row.valid for row in part.rows)
    Outline(render_html(part))


def test_nothing_measured_is_bad_input(folder: Path) -> None:
    keep_records(folder, lambda _number, _record: False)
    with pytest.raises(BadInput, match="no run has ended well yet"):
        build(folder)
    (folder / "session.json").unlink()
    with pytest.raises(BadInput, match=r"session\.json"):
        build(folder)


def test_the_page_of_a_report_is_always_the_same(report: Report, page: str, tmp_path: Path) -> None:
    path, written = write_report(report, tmp_path)
    assert Report.read(path) == report
    assert written.read_text() == page


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\"'<> ]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in page
    assert not re.search(r"\bsrc=|@import|url\((?!#)", page)


def test_the_page_is_well_formed_and_every_reference_is_there(report: Report) -> None:
    outline = Outline(render_html(report))
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.references <= set(outline.ids)


def test_the_page_can_be_read_without_seeing_it(page: str) -> None:
    outline = Outline(page)
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert outline.tables == outline.captions > 0
    assert outline.heads_without_scope == 0
    # storage, memory twice, switch, first output, where a switch goes, of two runtimes
    assert outline.images == 12


def test_the_page_draws_what_the_files_hold(report: Report) -> None:
    ledger = Ledger(
        files=tuple(
            FileLedger(
                path=f"{runtime}/joint",
                runtime=runtime,
                bytes=5000,
                program_bytes=1000,
                entries=("digits", "fashion"),
                shared_bytes=4000,
                private_bytes={"digits": 0, "fashion": 0},
                unused_bytes=0,
                duplicated_bytes=0,
                constants=(
                    Constant(bytes=4000, sha256="0" * 64, dtype="float32", shape=(1000,), uses=()),
                ),
            )
            for runtime in RUNTIMES
        )
    )
    outline = Outline(render_html(report.model_copy(update={"ledger": ledger})))
    assert outline.images == 14
    assert len(outline.ids) == len(set(outline.ids))


def test_the_page_answers_first(page: str) -> None:
    places = [
        page.index(text)
        for text in (
            "How much storage?",
            "<strong>51 %</strong>",
            "1.68 MiB instead of 3.30 MiB",
            "How much memory?",
            "How fast is a switch?",
            "<h2>Bars</h2>",
            "<svg",
            "<h2>All cells</h2>",
            "<h2>Conditions</h2>",
            "<h2>Raw samples</h2>",
        )
    ]
    assert places == sorted(places)


def test_all_raw_samples_are_on_the_page(report: Report, page: str) -> None:
    for row in report.rows:
        assert " ".join(map(str, row.switch_ns.samples)) in page


def test_a_lane_tells_its_figure_with_the_interval_under_the_pointer(page: str) -> None:
    told = re.findall(r'<g class="hover"><title>([^<]*)</title>', page)
    latencies = [each for each in told if "median" in each]
    assert len(latencies) == 2 * 32  # switch and first output of every row
    for each in latencies:
        assert re.search(r": median .+, 95 % .+ … .+, 8 switches$", each)


def test_drawings_take_their_colours_from_the_page(page: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--separate-swap)" in drawings
    assert not re.findall(r"#[0-9a-f]{6}\b", drawings)
    assert not re.findall(r'<svg[^>]* (?:width|height)="', drawings)


def test_hostile_names_are_escaped(report: Report) -> None:
    conditions = report.conditions.model_copy(update={"model": "<script>alert(1)</script>"})
    wrong = Parity(file="a.pte", task="t", max_abs_error=None, allowed=1e-4, ok=False)
    changed = report.model_copy(update={"conditions": conditions, "parity": (wrong,)})
    page = render_html(changed)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "missing or not finite" in page


def test_the_terminal_fits_100_columns_and_says_what_the_clock_is(report: Report) -> None:
    text = on_terminal(report)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text.replace(" … ", "")  # nothing is cut off
    assert "1 ns per executed instruction" in text
    assert "Emulated ARM device · counted clock" in text
    assert text.count("separate-resident  ") >= 8
    assert "≤ 0.53 met" in text


def test_the_terminal_lists_outputs_that_do_not_agree(report: Report) -> None:
    wrong = Parity(
        file="litert/joint.tflite", task="digits", max_abs_error=0.5, allowed=1e-3, ok=False
    )
    text = on_terminal(report.model_copy(update={"parity": (*report.parity, wrong)}))
    assert "do not agree" in text
    assert "5.00e-01" in text
