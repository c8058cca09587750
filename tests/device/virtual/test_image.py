from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.virtual import cpio
from taskzip.device.virtual.errors import ImageBuildFailed, ProgramMissing
from taskzip.device.virtual.image import build_image, unsigned
from taskzip.device.virtual.programs import find_program, run_step

SIGNATURE = b"s" * 300


def test_an_archive_is_what_the_kernel_documents() -> None:
    assert cpio.archive([cpio.folder("bin"), cpio.program("init", b"#!")]) == (
        b"070701" b"00000001" b"000041ed" + b"00000000" * 2 + b"00000001" + b"00000000" * 6
        + b"00000004" b"00000000" b"bin\0\0\0"
        b"070701" b"00000002" b"000081ed" + b"00000000" * 2 + b"00000001" b"00000000" b"00000002"
        + b"00000000" * 4 + b"00000005" b"00000000" b"init\0\0" b"#!\0\0"
        b"070701" b"00000003" b"00000000" + b"00000000" * 2 + b"00000001" + b"00000000" * 6
        + b"0000000b" b"00000000" b"TRAILER!!!\0\0\0\0"
    )  # fmt: skip


def test_a_modules_signature_is_cut_off() -> None:
    trailer = bytes(8) + len(SIGNATURE).to_bytes(4, "big")
    signed = b"module" + SIGNATURE + trailer + b"~Module signature appended~\n"
    assert unsigned(signed) == b"module"


def test_a_module_without_signature_stays_as_it_is() -> None:
    assert unsigned(b"module") == b"module"


def test_a_missing_program_names_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProgramMissing, match="sudo apt-get install qemu-system-arm"):
        find_program("qemu-system-aarch64")


def test_a_failed_step_says_which_and_what_the_program_said() -> None:
    with pytest.raises(ImageBuildFailed, match=r"unpacking x \(exit code 2\)\n.*no-such-file"):
        run_step("unpacking x", ["dpkg-deb", "--extract", "no-such-file", "."])


def test_a_mirror_that_fails_leaves_nothing_half_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TASKZIP_DEBIAN_MIRROR", "file:/no-such-mirror")
    with pytest.raises(ImageBuildFailed, match="apt-get update from file:/no-such-mirror"):
        build_image(Silent())
    assert [path.name for path in (tmp_path / "virtual").iterdir()] == ["image.lock"]
