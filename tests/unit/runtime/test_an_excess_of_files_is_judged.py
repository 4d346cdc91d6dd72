"""When a folder is looked through, what it may hold, and whom an excess ends."""

from __future__ import annotations

import pytest

from lambent_shim.limits.storage_decision import LONGEST_SECONDS, Room, Seen, bounds_of, estimate, find_holder, find_writer, is_due

BOUNDS = Room(512, 50)
FREE = Room(1000, 1000)


def seen(took: float = 0.001) -> Seen:
    return Seen(used_kib=100, files=10, free=FREE, at=50.0, took=took)


def test_a_scan_is_due_when_the_disk_has_lost_what_is_left() -> None:
    assert is_due(BOUNDS, None, FREE, 50.0)
    assert not is_due(BOUNDS, seen(), FREE, 50.1)
    assert not is_due(BOUNDS, seen(), Room(588, 1000), 50.1)
    assert is_due(BOUNDS, seen(), Room(587, 1000), 50.1)
    assert is_due(BOUNDS, seen(), FREE, 50.0 + LONGEST_SECONDS)


def test_a_scan_is_due_when_the_file_system_has_lost_as_many_files() -> None:
    assert not is_due(BOUNDS, seen(), Room(1000, 960), 50.1)
    assert is_due(BOUNDS, seen(), Room(1000, 959), 50.1)


def test_long_scans_take_a_small_share_of_the_time_but_are_not_put_off_for_long() -> None:
    assert not is_due(BOUNDS, seen(0.15), FREE, 56.0)
    assert is_due(BOUNDS, seen(0.15), FREE, 57.6)
    assert not is_due(BOUNDS, seen(9.0), FREE, 59.0)
    assert is_due(BOUNDS, seen(9.0), FREE, 60.0)
    assert not is_due(BOUNDS, seen(9.0), Room(0, 1000), 50.9)
    assert is_due(BOUNDS, seen(9.0), Room(0, 1000), 51.0)


def test_the_last_look_before_a_rest_waits_for_nothing() -> None:
    assert is_due(BOUNDS, seen(9.0), Room(0, 1000), 50.1, resting=True)
    assert not is_due(BOUNDS, seen(9.0), FREE, 50.1, resting=True)


@pytest.mark.parametrize(("size", "files"), [(16, 8_192), (512, 32_768), (10_240, 131_072)])
def test_a_folder_may_hold_as_many_files_as_a_file_system_of_its_size(size: int, files: int) -> None:
    assert bounds_of(size) == Room(size * 1024, files)


def test_what_cannot_be_looked_at_counts_as_all_that_has_gone() -> None:
    assert estimate(120, seen(), Room(700, 1000), 2000) == 400
    assert estimate(120, seen(), Room(2000, 1000), 2000) == 120
    assert estimate(120, None, Room(700, 1000), 2000) == 1300


@pytest.mark.parametrize(
    ("grown", "running", "ran", "excess", "writer"),
    [
        ({1: 700, 2: 0}, {1, 2}, {1, 2}, 200, 1),
        ({1: 700, 2: 0}, {2}, {2}, 200, None),  # who wrote has returned
        ({1: 700, 2: 600}, {2}, {2}, 200, None),
        ({1: 0, 2: 0}, {1, 2}, {1, 2}, 200, None),  # nobody has
        ({1: 5, 2: 0}, {1, 2}, {1, 2}, 200, None),  # somebody has, but not this
        ({1: 0, 2: 0}, {1}, {1}, 200, 1),  # nobody else ran
        ({1: 0, 2: 0}, {1}, (), 200, None),  # somebody else may have
        ({1: 0, 2: 0}, {1, 2}, {1}, 200, None),
        ({1: 700}, {1}, {1}, -5, 1),  # too many files
        ({1: 700, 2: 0}, {1, 2}, {1, 2}, -5, None),
        ({}, set(), (), 200, None),
    ],
)
def test_only_who_has_written_is_ended(grown: dict[int, int], running: set[int], ran: set[int], excess: int, writer: int | None) -> None:
    assert find_writer(grown, running, ran, excess) == writer


def test_who_keeps_most_open_is_ended_where_that_is_what_is_left() -> None:
    assert find_holder({1: 5, 2: 700}) == 2
    assert find_holder({1: 0}) is None
    assert find_holder({}) is None
