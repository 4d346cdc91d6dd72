"""What a container finds in folders in memory that an earlier one of the pod has left there: gone before anything of a function starts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lambent_shim import boot


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Shared memory and a volume in memory, each with files of before, in a folder as well."""
    found = [tmp_path / "shm", tmp_path / "volume"]
    for folder in found:
        (folder / "below").mkdir(parents=True)
        (folder / "left").write_bytes(b"x" * 10_000)
        (folder / "below" / "left").write_bytes(b"x" * 10_000)
        (folder / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(b"kept")
    monkeypatch.setattr(boot, "_DEVICE_SHM", str(found[0]))
    return found


def start(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, *, pid: int) -> list[list[str]]:
    """Boot as that process id up to the first process; returns what each folder held then."""
    held: list[list[str]] = []

    def spawn(*_arguments: Any, **_options: Any) -> Any:
        held.extend([sorted(os.listdir(each)) for each in (boot._DEVICE_SHM, str(folder))])  # noqa: PTH208
        raise OSError("no process is started")

    fields: Mapping[str, Any] = {
        "namespace": "default",
        "function": "hello",
        "handler": "app.handler",
        "activators": ["links.example.:8081"],
        "taskRoot": str(tmp_path),
        "memoryFolders": [str(folder), str(tmp_path / "not there")],
    }
    monkeypatch.setattr(os, "getpid", lambda: pid)
    monkeypatch.setattr(boot, "_live_outside_a_container", lambda _parent: None)
    monkeypatch.setattr(boot, "spawn_prepared", spawn)
    with pytest.raises(SystemExit):
        boot.boot({boot.VARIABLE: json.dumps(fields)}, 0.0)
    return held


def test_what_a_container_before_has_left_in_memory_is_gone_before_a_process_starts(
    tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start(tmp_path, folders[1], monkeypatch, pid=1) == [[], []]
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"


def test_outside_a_container_nothing_is_removed(tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(tmp_path, folders[1], monkeypatch, pid=4711) == [["below", "left", "link"]] * 2
