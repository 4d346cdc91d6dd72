"""A walk sees and removes all below a folder: deep, closed, linked, and changed meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from lambent_shim.limits.leftovers import finish, remove
from lambent_shim.limits.walk import DEEPEST, Walk

DEPTH = 3_000
"""Deeper than Python recurses, and than a path may be long."""


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("folder", dir_fd=here)
        below = os.open("folder", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here))
    os.close(here)
    yield tmp_path
    finish(remove(str(tmp_path)))


@pytest.fixture
def _modes_bind() -> Iterator[None]:
    """As a user whom modes bind; the files of a test are that user's."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(user)


def test_files_count_what_they_occupy_and_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "folder" / "file", tmp_path / "again")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "link").symlink_to("/")

    found = [(entry.identity[1], entry.kib, entry.is_folder) for entry in Walk(str(tmp_path))]

    large = (tmp_path / "again").stat().st_ino
    assert sorted(number for number, _, _ in found) == sorted(
        [large, large, *(path.lstat().st_ino for path in tmp_path.iterdir() if path.name != "again")]
    )
    assert all(98 <= kib <= 110 for number, kib, _ in found if number == large)
    assert [kib for number, kib, _ in found if number == (tmp_path / "hole").stat().st_ino] == [1]
    assert [number for number, _, is_folder in found if is_folder] == [(tmp_path / "folder").stat().st_ino]


def test_no_folder_is_too_deep_to_be_seen_and_removed(deep: Path) -> None:
    walk = Walk(str(deep))
    assert sum(1 for _ in walk) == DEPTH + 1
    assert walk.unseen == 0
    removal = remove(str(deep))
    finish(removal)
    assert removal.removed_files == DEPTH + 1
    assert list(deep.iterdir()) == []


def test_a_walk_holds_one_descriptor_however_deep_it_goes(deep: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of this process
    assert {len(os.listdir("/proc/self/fd")) for _ in Walk(str(deep))} <= {before + 1, before + 2}  # noqa: PTH208 - and of a listing


@pytest.mark.usefixtures("_modes_bind")
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o400])
def test_a_closed_folder_hides_nothing_and_goes(tmp_path_factory: pytest.TempPathFactory, mode: int) -> None:
    scratch = Path("/dev/shm") / f"lambent-walk-{os.getpid()}-{mode}"
    (scratch / "outer" / "inner").mkdir(parents=True)
    (scratch / "outer" / "inner" / "file").write_bytes(b"x" * 8192)
    (scratch / "outer" / "inner").chmod(mode)
    (scratch / "outer").chmod(mode)
    try:
        walk = Walk(str(scratch))
        assert [entry.is_folder for entry in walk] == [True, True, False]
        assert walk.unseen == 0
        (scratch / "outer" / "inner").chmod(mode)
        (scratch / "outer").chmod(mode)
    finally:
        finish(remove(str(scratch)))
    assert list(scratch.iterdir()) == []
    scratch.rmdir()


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").write_text("x")
    (tmp_path / "scratch" / "folder").mkdir(parents=True)
    for _ in remove(str(tmp_path / "scratch")):
        (tmp_path / "scratch" / "folder").rmdir()
        (tmp_path / "scratch" / "folder").symlink_to(tmp_path / "other")
    assert (tmp_path / "other" / "precious").exists()


def test_a_folder_that_is_moved_meanwhile_ends_the_walk_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "scratch" / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "precious").write_text("x")
    walk = remove(str(tmp_path / "scratch"))
    for number, _ in enumerate(walk):
        if number == 2:
            (tmp_path / "scratch" / "a" / "b").rename(tmp_path / "b")
    assert walk.unseen == 1
    assert (tmp_path / "precious").exists()


def test_only_what_is_chosen_goes_and_empty_folders_where_asked(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    (tmp_path / "stays").write_text("x")
    chosen = [entry for entry in Walk(str(tmp_path)) if entry.identity[1] == (tmp_path / "a" / "b" / "file").stat().st_ino]
    finish(remove(str(tmp_path), chosen))
    assert (tmp_path / "a" / "b").is_dir()
    finish(remove(str(tmp_path), [], empty_folders=True))
    assert [path.name for path in tmp_path.iterdir()] == ["stays"]


def test_folders_far_below_one_another_are_removed_in_pieces(tmp_path: Path) -> None:
    """A walk that ends early has removed something each time, however deep the folder is."""
    (tmp_path / "stays" / "here").mkdir(parents=True)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20 * DEEPEST):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)

    for _ in range(12):
        for _ in islice(Walk(str(tmp_path), lambda entry: entry.depth > DEEPEST), 4 * DEEPEST):
            pass

    assert max(entry.depth for entry in Walk(str(tmp_path))) == DEEPEST
    assert {path.name for path in tmp_path.iterdir()} == {"stays", "d"}
    assert (tmp_path / "stays" / "here").is_dir()
