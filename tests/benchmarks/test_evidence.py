import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from taskzip.benchmarks.compare.sidebyside import compare, read_sources
from taskzip.benchmarks.evidence import changed_files, changed_versions, pack, unpacked
from taskzip.benchmarks.measure import report_on
from taskzip.cli.main import invoke
from taskzip.contracts import schema
from taskzip.contracts.errors import BadInput


@pytest.fixture(scope="module")
def folder(measured_folder: Path, tmp_path_factory) -> Path:
    """What was measured, with its report."""
    folder = Path(shutil.copytree(measured_folder, tmp_path_factory.mktemp("run") / "copy"))
    report_on(folder)
    return folder


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    pack(folder, path)
    return path


def test_a_report_is_packed_and_made_again_bit_for_bit(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "evidence.zip"
    for words in ([folder, "--bundle", archive], [archive]):
        with pytest.raises(SystemExit) as ended:
            invoke(["report", *map(str, words)])
        assert ended.value.code == 0
    told = re.findall("evidence sha256 ([0-9a-f]{64})", capsys.readouterr().err)
    with unpacked(archive) as (_, evidence, sha256):
        assert told == [sha256, sha256]
        assert changed_versions(evidence) == []


def test_the_hash_names_the_content(folder: Path, archive: Path, tmp_path: Path) -> None:
    with unpacked(archive) as (_, evidence, sha256):
        assert pack(folder, tmp_path / "again.zip") == sha256
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    Draft202012Validator(schema.shipped("evidence")).validate(evidence.as_json_data())
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    with (changed / "records.jsonl").open("a") as records:
        records.write("\n")
    assert pack(changed, tmp_path / "changed.zip") != sha256


def test_a_report_that_comes_out_otherwise_is_named(archive: Path) -> None:
    with unpacked(archive) as (folder, evidence, _):
        (folder / "report.html").write_text("drawn by another version")
        assert changed_files(folder, evidence) == ["report.html"]
        older = evidence.model_copy(update={"versions": evidence.versions | {"numpy": "1.0"}})
        assert changed_versions(older)[0].startswith("numpy 1.0, here ")


def test_model_files_stay_out(archive: Path) -> None:
    names = zipfile.ZipFile(archive).namelist()
    assert "records.jsonl" in names
    assert any(name.startswith("outputs/") for name in names)
    assert not [name for name in names if name.endswith((".pte", ".tflite"))]


def test_an_archive_can_be_compared(archive: Path, folder: Path) -> None:
    found = compare(read_sources((archive, folder)))
    assert {each.ratio for each in found.figures} == {1.0}
    assert found.sides[0].path == str(archive)


def repacked(archive: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(archive) as source:
        files = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(archive, "w") as target:
        for name, content in files.items():
            if (new := change(name, content)) is not None:
                target.writestr(name, new)


def manifest(**change) -> Callable[[str, bytes], bytes]:
    """Changes the first file of the manifest."""

    def apply(name: str, content: bytes) -> bytes:
        if name != "evidence.json":
            return content
        document = json.loads(content)
        document["files"][0].update(change)
        return json.dumps(document).encode()

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, content: content + b" " * name.endswith("jsonl"), "records.jsonl is not"),
        (lambda name, content: content[:-1] if name == "report.html" else content, "report.html"),
        (lambda name, content: None if name == "session.json" else content, "session.json"),
        (lambda name, content: None if name == "evidence.json" else content, "evidence.json"),
        (manifest(path="../outside"), "files.0.path"),
        (manifest(path="/etc/outside"), "files.0.path"),
        (manifest(bytes=1 << 50), "at most"),
        (manifest(bytes=1), "is not what"),
    ],
)
def test_a_damaged_archive_is_refused(archive: Path, change, message: str) -> None:
    repacked(archive, change)
    with pytest.raises(BadInput, match=message), unpacked(archive):
        pass


def test_what_is_no_archive_is_refused(tmp_path: Path, archive: Path) -> None:
    broken = tmp_path / "broken.zip"
    for content in (b"", b"PK", archive.read_bytes()[:-200]):
        broken.write_bytes(content)
        with pytest.raises(BadInput, match="cannot be unpacked"), unpacked(broken):
            pass
    with pytest.raises(BadInput, match="cannot be unpacked"), unpacked(tmp_path / "none.zip"):
        pass


def test_what_was_not_measured_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"records\.jsonl is missing"):
        pack(tmp_path, tmp_path / "evidence.zip")
