"""Which files go when a writer has been ended, and when a folder is looked through."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from lambent_shim.configuration import Storage
from lambent_shim.limits.leftovers import choose, find_deleted_maps, find_open_files
from lambent_shim.limits.storage import explain
from lambent_shim.limits.walk import Entry


def leftover(name: str, kib: int, changed_at: float) -> Entry:
    return Entry(kib, changed_at, (1, hash(name)))


OLD_SMALL, OLD_LARGE, NEW = leftover("old", 1, 10), leftover("large", 100, 10), leftover("new", 5, 30)
ALL = [OLD_SMALL, OLD_LARGE, NEW]


def test_what_was_written_since_goes_and_no_more_where_that_is_enough() -> None:
    assert choose(ALL, [], 20, 5) == [NEW]


def test_the_largest_of_before_follow_until_there_is_room() -> None:
    assert choose(ALL, [], 20, 50) == [NEW, OLD_LARGE]


def test_what_somebody_has_open_stays() -> None:
    assert choose(ALL, [NEW.identity, OLD_LARGE.identity], 20, 50) == [OLD_SMALL]


def test_where_nobody_is_blamed_no_more_goes_than_has_to() -> None:
    assert choose(ALL, [], 20, 5, all_since=False) == [NEW]
    assert choose(ALL, [], 20, 6, all_since=False) == [NEW, OLD_LARGE]


def test_of_too_many_files_the_newest_go() -> None:
    first, second = leftover("first", 1, 30), leftover("second", 1, 31)
    assert choose([first, second, OLD_SMALL], [], 20, 0, 1, all_since=False) == [second]
    assert choose([first, second, OLD_SMALL], [], 20, 0, 3, all_since=False) == [second, first, OLD_SMALL]


def test_an_open_file_without_a_name_is_found(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * 100_000)
        file.flush()
        identity = (os.fstat(file.fileno()).st_dev, os.fstat(file.fileno()).st_ino)
        (tmp_path / "file").unlink()
        opened = find_open_files([os.getpid()])[identity]
    assert opened.kib >= 98
    assert not opened.has_name
    assert opened.pids == {os.getpid()}


def test_a_mapped_file_without_a_name_is_found_once_it_is_open_no_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 4096)
    with (tmp_path / "file").open("rb") as file:
        memory = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
    assert find_deleted_maps([os.getpid()], str(tmp_path)) == set()
    (tmp_path / "file").unlink()
    assert find_deleted_maps([os.getpid()], str(tmp_path)) == {os.getpid()}
    memory.close()


def test_who_is_over_is_told_folder_field_and_amounts() -> None:
    storage = Storage("/tmp", 512, "spec.ephemeralStorage")
    assert explain(storage, 600 * 1024) == "/tmp holds 600 MiB, spec.ephemeralStorage allows 512 MiB"
    expected = "/tmp holds more than 32768 files and folders, which spec.ephemeralStorage of 512 MiB allows"
    assert explain(storage, 0, 32_769) == expected
