"""Writes a function's code into the task root of a pod that becomes it. Blocking, quick: one pass, nothing is synced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

_FILE_MODE: Final = 0o444
_FOLDER_MODE: Final = 0o555
"""Read-only, as on Lambda."""


def write_files(root: str, files: Mapping[str, bytes]) -> None:
    """Write the files, by relative paths that have been checked, into `root`, which is empty. Raises OSError.

    Where that fails, what had been written is removed; `LeftBehindError` where even that does.
    """
    made: list[str] = []
    written: list[str] = []
    try:
        for path, content in files.items():
            _make_folders(root, path, made)
            _write(f"{root}/{path}", content, written)
        for folder in made:
            os.chmod(folder, _FOLDER_MODE)  # noqa: PTH101 - pathlib costs 3 ms of a cold start
        _close(root)
    except OSError as error:
        _remove(written, made, error)
        raise


class LeftBehindError(OSError):
    """Part of a function's code is in the task root and cannot be removed."""


def _make_folders(root: str, path: str, made: list[str]) -> None:
    folder = root
    for part in path.split("/")[:-1]:
        folder = f"{folder}/{part}"
        if folder not in made:
            os.mkdir(folder, 0o700)  # noqa: PTH102
            made.append(folder)


def _write(path: str, content: bytes, written: list[str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
    written.append(path)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _close(root: str) -> None:
    try:
        os.chmod(root, _FOLDER_MODE)  # noqa: PTH101
    except PermissionError:
        return  # a volume's folder belongs to root; what is in it is read-only all the same


def _remove(written: list[str], made: list[str], error: OSError) -> None:
    try:
        for folder in made:
            os.chmod(folder, 0o700)  # noqa: PTH101
        for path in written:
            os.unlink(path)  # noqa: PTH108
        for folder in reversed(made):
            os.rmdir(folder)  # noqa: PTH106
    except OSError as left:
        raise LeftBehindError(left.errno, f"{error}; what was written cannot be removed: {left}") from error
