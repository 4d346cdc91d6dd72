"""Takes away what an engine of ours may leave behind: processes, mounts, control groups."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from cluster.host import processes
from cluster.host.command import answers
from cluster.host.processes import ProcessId

_CGROUPS = Path("/sys/fs/cgroup")
_ENGINE_PROGRAMS = ("containerd", "containerd-shim", "containerd-shim-runc-v2")
_PATIENCE_SECONDS = 5.0


def _children(parents: set[int]) -> list[ProcessId]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent in parents and (process := processes.identify(int(folder.name))):
            found.append(process)
    return found


def end_processes(folder: str) -> None:
    """Ends what runs out of an engine's own folder: containerd, its shims, and the containers below them."""
    found = processes.with_argument(folder, _ENGINE_PROGRAMS)
    containers = _children({process.pid for process in found})
    for process in [*found, *containers]:
        processes.end(process, _PATIENCE_SECONDS)


def mount_points_below(mountinfo: str, folders: Sequence[Path]) -> list[str]:
    """The mount points inside these folders, the innermost first."""
    points = [_unescape(line.split()[4]) for line in mountinfo.splitlines() if line]
    inside = [point for point in points if any(Path(point).is_relative_to(folder) for folder in folders)]
    return sorted(inside, key=lambda point: point.count("/"), reverse=True)


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def unmount_below(folders: Sequence[Path]) -> None:
    for point in mount_points_below(Path("/proc/self/mountinfo").read_text(), folders):
        if answers(["umount", point]) is None:
            answers(["umount", "--lazy", point])


def remove_cgroups(name: str) -> None:
    """Removes a control group of ours, which is empty by now, from every hierarchy."""
    for top in {_CGROUPS / name, *_CGROUPS.glob(f"*/{name}")}:
        remove_empty(top)


def remove_empty(top: Path) -> None:
    """Removes a folder with its sub-folders as far as they hold nothing."""
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            continue


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
