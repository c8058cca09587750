"""A stage runs again exactly when something it read or wrote is different."""

import sys
from pathlib import Path

from taskzip.pipeline.stamp import (
    Stamp,
    hash_data,
    hash_file,
    imported_sources,
    own_code,
    reasons_to_run,
    write_stamp,
)

INPUTS = {"[zip]": "a", "torch": "2.0"}


def _stamped(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A stamp, the folder of its source and the folder of its output."""
    folder, out_dir = tmp_path / "project", tmp_path / "out"
    folder.mkdir()
    out_dir.mkdir()
    (folder / "nets.py").write_text("x = 1\n")
    (out_dir / "result.bin").write_bytes(b"result")
    path = tmp_path / "stamp.json"
    sources = {"nets.py": hash_file(folder / "nets.py")}
    write_stamp(path, INPUTS, ["result.bin"], out_dir, sources)
    return path, folder, out_dir


def test_nothing_changed_gives_no_reason(tmp_path: Path) -> None:
    path, folder, out_dir = _stamped(tmp_path)
    assert reasons_to_run(path, INPUTS, folder, out_dir) == ()


def test_each_change_is_named(tmp_path: Path) -> None:
    path, folder, out_dir = _stamped(tmp_path)
    (folder / "nets.py").write_text("x = 2\n")
    (out_dir / "result.bin").write_bytes(b"changed")
    reasons = reasons_to_run(path, {"[zip]": "b", "scipy": "1.0"}, folder, out_dir)
    assert reasons == (
        "[zip] changed",
        "scipy changed",
        "torch changed",
        "nets.py changed",
        "result.bin is not what was written",
    )


def test_a_missing_output_is_a_reason(tmp_path: Path) -> None:
    path, folder, out_dir = _stamped(tmp_path)
    (out_dir / "result.bin").unlink()
    assert reasons_to_run(path, INPUTS, folder, out_dir) == ("result.bin is not what was written",)


def test_an_output_that_was_never_there_does_not_hold(tmp_path: Path) -> None:
    path, folder, out_dir = _stamped(tmp_path)
    write_stamp(path, INPUTS, ["never.bin"], out_dir)
    assert reasons_to_run(path, INPUTS, folder, out_dir) != ()


def test_a_stamp_that_is_missing_or_broken_means_run(tmp_path: Path) -> None:
    path, folder, out_dir = _stamped(tmp_path)
    for content in (None, "{", '{"format": 2}'):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        reasons = reasons_to_run(path, INPUTS, folder, out_dir)
        assert reasons == ("it has not run here before",)


def test_data_hashes_do_not_depend_on_the_order_of_keys() -> None:
    assert hash_data({"a": 1, "b": 2}) == hash_data({"b": 2, "a": 1})
    assert hash_data({"a": 1}) != hash_data({"a": 2})


def test_sources_are_those_imported_from_the_folder(tmp_path: Path) -> None:
    folder = Path(__file__).parent
    here = Path(sys.modules[__name__].__file__ or "").name
    assert imported_sources(folder)[here] == hash_file(Path(__file__))
    assert imported_sources(tmp_path) == {}


def test_own_code_names_the_version_and_is_the_same_each_time() -> None:
    assert own_code() == own_code()
    assert own_code().split()[0].count(".") == 2


def test_a_stamp_is_a_strict_document(tmp_path: Path) -> None:
    path, *_ = _stamped(tmp_path)
    assert Stamp.read(path).inputs == INPUTS
