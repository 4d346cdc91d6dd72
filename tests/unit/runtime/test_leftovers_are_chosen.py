"""Which files go when a writer has been ended, and when a folder is looked through."""

from __future__ import annotations

import os
from pathlib import Path

from lambent_shim.configuration import Storage
from lambent_shim.limits.leftovers import Leftover, choose, find_open_files, list_files, remove
from lambent_shim.limits.storage import LONGEST_SECONDS, Seen, explain, is_due


def leftover(name: str, kib: int, changed_at: float) -> Leftover:
    return Leftover(name, kib, changed_at, (1, hash(name)))


OLD_SMALL, OLD_LARGE, NEW = leftover("old", 1, 10), leftover("large", 100, 10), leftover("new", 5, 30)
ALL = [OLD_SMALL, OLD_LARGE, NEW]


def test_what_was_written_since_goes_and_no_more_where_that_is_enough() -> None:
    assert choose(ALL, [], 20, 5) == [NEW]


def test_the_largest_of_before_follow_until_there_is_room() -> None:
    assert choose(ALL, [], 20, 50) == [NEW, OLD_LARGE]


def test_what_somebody_has_open_stays() -> None:
    assert choose(ALL, [NEW.identity, OLD_LARGE.identity], 20, 50) == [OLD_SMALL]


def test_files_count_what_they_occupy_and_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "folder" / "file", tmp_path / "again")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "link").symlink_to("/")

    found = {Path(file.path).name: file for file in list_files(str(tmp_path))}

    assert set(found) == {"folder", "file", "again", "hole", "link"}
    assert found["file"].identity == found["again"].identity
    assert 98 <= found["file"].kib <= 110
    assert found["hole"].kib == 1


def test_an_open_file_without_a_name_is_found(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * 100_000)
        file.flush()
        identity = (os.fstat(file.fileno()).st_dev, os.fstat(file.fileno()).st_ino)
        (tmp_path / "file").unlink()
        kib, pids = find_open_files([os.getpid()])[identity]
    assert kib >= 98
    assert pids == {os.getpid()}


def test_folders_go_with_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    remove(list_files(str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_a_scan_is_due_when_the_disk_has_lost_what_is_left() -> None:
    seen = Seen(used_kib=100, free_kib=1000, at=50.0, took=0.001)
    assert is_due(512, None, 1000, 50.0)
    assert not is_due(512, seen, 1000, 50.1)
    assert not is_due(512, seen, 588, 50.1)
    assert is_due(512, seen, 587, 50.1)
    assert is_due(512, seen, 1000, 50.0 + LONGEST_SECONDS)


def test_long_scans_take_a_small_share_of_the_time() -> None:
    seen = Seen(used_kib=100, free_kib=1000, at=50.0, took=1.0)
    assert not is_due(512, seen, 1000, 60.0)
    assert is_due(512, seen, 1000, 100.0)
    assert not is_due(512, seen, 0, 53.0)


def test_who_is_over_is_told_folder_field_and_amounts() -> None:
    text = explain(Storage("/tmp", 512, "spec.ephemeralStorage"), 600 * 1024)
    assert text == "/tmp holds 600 MiB, spec.ephemeralStorage allows 512 MiB"
