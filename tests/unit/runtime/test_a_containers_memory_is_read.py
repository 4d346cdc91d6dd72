"""What the container uses, by control groups of both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent_shim.limits.cgroup import open_memory_group, open_sandbox_memory
from lambent_shim.limits.shared_memory import SharedMemory

STAT = "anon 1048576\nfile 4096\nfile_mapped 0\nshmem 2097152\nslab 1\n"


def group(folder: Path, version: int, usage: int, stat: str = STAT) -> None:
    if version == 1:
        folder = folder / "memory"
        folder.mkdir()
    (folder / ("memory.current" if version == 2 else "memory.usage_in_bytes")).write_text(f"{usage}\n")
    (folder / "memory.stat").write_text(stat)


@pytest.mark.parametrize("version", [1, 2])
def test_usage_and_shared_memory_are_read(tmp_path: Path, version: int) -> None:
    group(tmp_path, version, 8 << 20)
    opened = open_memory_group(str(tmp_path))
    assert opened is not None
    assert (opened.read_usage(), opened.read_shared()) == (8192, 2048)


def test_a_container_that_sees_none_has_none(tmp_path: Path) -> None:
    assert open_memory_group(str(tmp_path)) is None
    assert SharedMemory([], None).read(0) == (0, 0)


def test_what_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    group(tmp_path, 2, 0, stat="anon 1\n")
    opened = open_memory_group(str(tmp_path))
    assert opened is not None
    assert opened.read_shared() == 0


def test_details_are_read_only_where_the_whole_is_over_the_limit(tmp_path: Path) -> None:
    group(tmp_path, 2, 8 << 20)
    shared = SharedMemory([], open_memory_group(str(tmp_path)))
    assert shared.read(9000) == (0, 8192)
    assert shared.read(8000) == (2048, 8192)


MEMINFO = """\
MemTotal:         360448 kB
MemFree:          222660 kB
Active(anon):     {anonymous} kB
AnonPages:        {anonymous} kB
Mapped:            13876 kB
Shmem:             {shared} kB
"""


def test_gvisor_tells_of_the_pod_in_its_meminfo(tmp_path: Path) -> None:
    (tmp_path / "sentry-meminfo").touch()
    (tmp_path / "meminfo").write_text(MEMINFO.format(anonymous=9000, shared=0))
    opened = open_sandbox_memory(str(tmp_path))
    assert opened is not None
    assert (opened.read_usage(), opened.read_shared()) == (1, 0), "what the shim had at first is its own"
    (tmp_path / "meminfo").write_text(MEMINFO.format(anonymous=21000, shared=2000))
    assert (opened.read_usage(), opened.read_shared()) == (12000, 2000)
    assert SharedMemory([], opened).counts_each_page_once


def test_another_kernels_meminfo_is_the_nodes_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(MEMINFO.format(anonymous=9000, shared=0))
    assert open_sandbox_memory(str(tmp_path)) is None
    group(tmp_path, 2, 8 << 20)
    assert not SharedMemory([], open_memory_group(str(tmp_path))).counts_each_page_once
