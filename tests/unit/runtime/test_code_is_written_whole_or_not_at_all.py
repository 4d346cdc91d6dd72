from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lambent_shim import code_files as codefiles
from lambent_shim.code_files import LeftBehindError, write_files

FILES = {"app.py": b"x = 1\n", "pkg/__init__.py": b"", "pkg/deep/data.bin": bytes(range(256)) * 1000}


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_and_folders_are_there_and_read_only(tmp_path: Path) -> None:
    write_files(str(tmp_path), FILES)
    assert contents(tmp_path) == FILES
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o444}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [tmp_path, *tmp_path.rglob("*")] if path.is_dir()} == {0o555}


@pytest.mark.parametrize("files", [{"a": b"1", "a/b": b"2"}, {"a/b": b"1", "a": b"2"}, {"a/b/c": b"1", "a/b": b"2", "z": b""}])
def test_what_cannot_be_leaves_nothing_behind(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(OSError, match="exists") as caught:
        write_files(str(tmp_path), files)
    assert not isinstance(caught.value, LeftBehindError)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def write(descriptor: int, data: memoryview) -> int:
        if len(data) > 1000:
            return real(descriptor, data[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(codefiles.os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        write_files(str(tmp_path), {"pkg/data.bin": b"x" * 5500})
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(path: str) -> None:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(codefiles.os, "unlink", unlink)
    with pytest.raises(LeftBehindError, match="what was written cannot be removed"):
        write_files(str(tmp_path), {"a": b"1", "a/b": b"2"})


def test_a_link_that_somebody_has_put_there_is_not_followed(tmp_path: Path) -> None:
    outside, task = tmp_path / "outside", tmp_path / "task"
    task.mkdir()
    (task / "app.py").symlink_to(outside)
    with pytest.raises(OSError, match="exists"):
        write_files(str(task), FILES)
    assert not outside.exists()
