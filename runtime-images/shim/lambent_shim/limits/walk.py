"""Walks through a folder that somebody may change meanwhile, by descriptors: no path is too long for it, no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

BLOCK: Final = 512
_LEAST_KIB: Final = 1
"""What an entry counts at least: an empty file costs its folder and the node's table of files something too."""
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DEEPEST: Final = 128
"""Folders below one another. Programs that remove folders may keep all those above open, so that very many cost whoever removes them."""
_MOVED: Final = ".lambent-too-deep-"
"""What is deeper is moved to the top under such a name, to be removed from there: so a walk comes back up, however deep the folder is."""
_TRIES: Final = 3
"""So often a folder is made readable that is closed again meanwhile."""

Identity = tuple[int, int]
"""Device and number: two names of one file count once."""


class Entry(NamedTuple):
    """One file or folder."""

    kib: int
    """What it occupies, which is less than its size where it has holes."""
    changed_at: float
    """Seconds since the epoch."""
    identity: Identity
    is_folder: bool = False
    depth: int = 1
    """How many folders it is below the one that is walked through, and 1."""


class _Level(NamedTuple):
    """A folder that the walk is in."""

    name: str
    identity: Identity
    below: list[str]
    """Names of folders in it that are still to be looked at."""
    goes: bool = False
    """Whether all that is in it is to be removed."""


class Walk:
    """All entries below a folder, of one file system; one descriptor is open at a time, however deep it goes.

    A folder that its owner has closed to himself is opened to him: the shim has the same user. `removes`, where given, says of each
    entry whether it goes; folders go once they are empty.
    """

    def __init__(self, folder: str, removes: Callable[[Entry], bool] | None = None) -> None:
        self.unseen = 0
        """Folders and files that could not be looked at: what they hold is not known."""
        self.removed_kib = 0
        self.removed_files = 0
        """Folders too."""
        self._folder = folder
        self._removes = removes
        self._needs = stat.S_IRWXU if removes else stat.S_IRUSR | stat.S_IXUSR
        self._entries: dict[Identity, Entry] = {}
        """Folders that are to go, above and at where the walk is."""

    def __iter__(self) -> Iterator[Entry]:
        try:
            here = self._open(self._folder, None)
        except OSError:
            self.unseen += 1
            return
        try:
            levels = [_Level("", _identify(os.fstat(here)), [])]
            yield from self._list(here, levels[0], 1)
            while True:
                level = levels[-1]
                if level.below:
                    name = level.below.pop()
                    if self._removes is not None and len(levels) > DEEPEST:
                        self._move_up(name, here, levels[0])
                        continue
                    below = self._descend(name, here, level.identity[0])
                    if below is None:
                        continue
                    os.close(here)
                    here = below
                    goes = level.goes or (len(levels) == 1 and name.startswith(_MOVED))
                    levels.append(_Level(name, _identify(os.fstat(here)), [], goes))
                    yield from self._list(here, levels[-1], len(levels))
                    continue
                levels.pop()
                if not levels:
                    return
                above = self._open("..", here)
                os.close(here)
                here = above
                if _identify(os.fstat(here)) != levels[-1].identity:
                    self.unseen += 1  # somebody has moved the folder: from here on the walk would be elsewhere
                    return
                entry = self._entries.pop(level.identity, None)
                if entry is not None:
                    self._remove(entry, level.name, here)
        except OSError:
            self.unseen += 1
        finally:
            os.close(here)

    def _list(self, here: int, level: _Level, depth: int) -> Iterator[Entry]:
        try:
            entries = os.scandir(here)
        except OSError:
            self.unseen += 1
            return
        with entries:
            for found in entries:
                try:
                    status = found.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError:
                    self.unseen += 1
                    continue
                kib = max(_LEAST_KIB, status.st_blocks * BLOCK >> 10)
                is_folder = stat.S_ISDIR(status.st_mode)
                entry = Entry(kib, max(status.st_mtime, status.st_ctime), _identify(status), is_folder, depth)
                if is_folder:
                    level.below.append(found.name)
                moved = depth == 1 and found.name.startswith(_MOVED)
                if self._removes is not None and (level.goes or moved or self._removes(entry)):
                    if is_folder:
                        self._entries[entry.identity] = entry
                    else:
                        self._remove(entry, found.name, here)
                yield entry

    def _descend(self, name: str, here: int, device: int) -> int | None:
        try:
            below = self._open(name, here)
        except (FileNotFoundError, NotADirectoryError):
            return None  # it has gone meanwhile, or is something else
        except OSError:
            self.unseen += 1
            return None
        if os.fstat(below).st_dev == device:
            return below
        os.close(below)
        return None

    def _open(self, name: str, parent: int | None) -> int:
        """A folder's descriptor, by which it can be read and passed."""
        for _ in range(_TRIES):
            try:
                folder = os.open(name, _OPEN, dir_fd=parent)
            except PermissionError:
                self._make_readable(name, parent)
                continue
            mode = os.fstat(folder).st_mode
            if mode & self._needs != self._needs:
                self._open_up(folder, mode)
            return folder
        return os.open(name, _OPEN, dir_fd=parent)

    def _open_up(self, folder: int, mode: int) -> None:
        try:
            os.fchmod(folder, stat.S_IMODE(mode) | self._needs)
        except OSError:
            return  # another user's: what it keeps from this one is met when it is read

    def _make_readable(self, name: str, parent: int | None) -> None:
        if parent is not None:
            mode = os.fstat(parent).st_mode
            if mode & self._needs != self._needs:
                os.fchmod(parent, stat.S_IMODE(mode) | self._needs)  # it has been closed since it was opened
        # Held by a descriptor without rights, so that a link that takes its place meanwhile is not followed.
        folder = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            mode = os.fstat(folder).st_mode
            os.chmod(f"/proc/self/fd/{folder}", stat.S_IMODE(mode) | self._needs)  # noqa: PTH101 - pathlib costs 3 ms of a cold start
        finally:
            os.close(folder)

    def _move_up(self, name: str, parent: int, top: _Level) -> None:
        moved = f"{_MOVED}{os.urandom(8).hex()}"
        try:
            above = self._open(self._folder, None)
        except OSError:
            self.unseen += 1
            return
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            os.rename(name, moved, src_dir_fd=parent, dst_dir_fd=above)
        except OSError:
            self.unseen += 1
            return
        finally:
            os.close(above)
        # It goes with all that is in it, whatever was chosen.
        self._entries[_identify(status)] = Entry(_LEAST_KIB, 0.0, _identify(status), is_folder=True)
        top.below.append(moved)

    def _remove(self, entry: Entry, name: str, parent: int) -> None:
        try:
            if entry.is_folder:
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
        except OSError:
            return
        self.removed_kib += entry.kib
        self.removed_files += 1


def _identify(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
