import os
from pathlib import Path

from taskzip.device.virtual.filesystem import BLOCK_BYTES, make_ext4
from taskzip.device.virtual.flash import flash_content, runs_of_blocks


def test_the_runs_of_a_file_systems_blocks_make_it_again(tmp_path: Path) -> None:
    original, again = tmp_path / "original", tmp_path / "again"
    make_ext4(original, 64 * 1024)
    with again.open("wb") as file:
        for first, content in runs_of_blocks(original):
            file.seek(first * BLOCK_BYTES)
            file.write(content)
        file.truncate(original.stat().st_size)
    assert again.read_bytes() == original.read_bytes()


def test_neighbours_are_one_run_and_zeros_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "image"
    blocks = [bytes([number]) * BLOCK_BYTES for number in (0, 1, 2, 0, 3, 0)]
    file.write_bytes(b"".join(blocks))
    os.truncate(file, 100 * BLOCK_BYTES)
    assert list(runs_of_blocks(file)) == [(1, blocks[1] + blocks[2]), (4, blocks[4])]


def test_an_image_of_zeros_has_no_runs(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.touch()
    os.truncate(file, 1 << 20)
    assert list(runs_of_blocks(file)) == []


def test_an_empty_flash_of_a_gigabyte_is_small_to_bring() -> None:
    assert b"flash/content/0\0" in flash_content(1024)
    assert len(flash_content(1024)) < 1 << 20
