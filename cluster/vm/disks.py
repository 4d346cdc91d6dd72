"""The machine's disks: the system with the tests' packages (cached, read-only), the checkout, and one to write to."""

import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cluster import base_image
from cluster.errors import ClusterError
from cluster.host import debian
from cluster.host.command import run
from cluster.host.content import content_key
from cluster.host.locks import held
from cluster.host.packages import program
from cluster.host.progress import step
from cluster.settings import Settings

ARGUMENTS = "vm-arguments"
SCRATCH_BYTES = 4 << 30
"""Sparse: only what is written takes room on the host."""
_CACHES = {"__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_NOT_IN_THE_MACHINE = _CACHES | {".git", ".venv", ".cluster", "build", "out"}
_LEFT_OUT = ("kubernetes", "matplotlib", "numpy", "fontTools", "PIL", "pillow", "mypy", "ruff", "pip", "setuptools", "pkg_resources")
"""Packages of the virtual environment that no test in the machine imports, as their folders' names begin: four fifths of it."""
_FOLDERS = ("packages", "scratch")
_SEARCHED = "usr/local/lib/python3.11/dist-packages"


def system(settings: Settings) -> Path:
    """A Debian root, the one that function images start from, with the packages of requirements/test.lock."""
    packages = settings.checkout / ".venv/lib/python3.11/site-packages"
    if not packages.is_dir():
        raise ClusterError("there is no virtual environment with Python 3.11 in .venv", do="run `make venv`")
    tar = debian.root_tar(settings, "base", base_image.PACKAGES)
    key = content_key(settings.checkout / "requirements/test.lock", tar.name, ",".join((*_LEFT_OUT, *_FOLDERS)))
    disk = settings.cache / "vm" / f"system-{key}.img"
    with held(settings.cache / "locks" / "vm-system", "the machine's system disk"):
        if not disk.exists():
            _make_system(settings, disk, tar, packages)
    return disk


def _make_system(settings: Settings, disk: Path, tar: Path, packages: Path) -> None:
    if os.geteuid() != 0:
        raise ClusterError("the virtual machine's system disk is not in the cache, and making it takes root", do="run it once as root")
    log = settings.logs / "vm-disk.log"
    disk.parent.mkdir(parents=True, exist_ok=True)
    with step("making the virtual machine's system disk"), tempfile.TemporaryDirectory(dir=disk.parent) as name:
        root = Path(name) / "root"
        root.mkdir()
        run(["tar", "-C", root, "-xf", tar], log=log)
        for folder in _FOLDERS:
            (root / folder).mkdir()
        shutil.copytree(packages, root / "packages", dirs_exist_ok=True, ignore=_leave_out)
        (root / _SEARCHED / "packages.pth").write_text("/packages\n")
        _make_ext4(settings, Path(name) / "disk", _size(root) * 5 // 4 + (64 << 20), "-d", root)
        (Path(name) / "disk").replace(disk)
    for older in disk.parent.glob("system-*.img"):
        if older != disk:
            older.unlink(missing_ok=True)


def _leave_out(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith(_LEFT_OUT) or name.endswith("__mypyc.cpython-311-x86_64-linux-gnu.so")}


def _size(root: Path) -> int:
    # A file takes whole blocks, a folder one.
    return sum(4096 + path.lstat().st_size for path in root.rglob("*"))


def _make_ext4(settings: Settings, path: Path, size: int, *options: str | Path) -> None:
    with path.open("wb") as file:
        file.truncate(size)
    # No journal: nobody mounts it after a crash.
    make = [program("mke2fs") or "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1", *options, path]
    run(make, log=settings.logs / "vm-disk.log", do="install e2fsprogs")


def checkout(settings: Settings, target: Path, arguments: Sequence[str]) -> None:
    """Write the checkout's files as a tar file, which the machine reads as a disk, with what pytest is to be given."""

    def chosen(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return None if _NOT_IN_THE_MACHINE & set(Path(entry.name).parts) else entry

    given = target.with_suffix(".arguments")
    given.write_text("".join(f"{argument}\n" for argument in arguments))
    with tarfile.open(target, "w") as tar:
        for path in sorted(settings.checkout.iterdir()):
            if path.name not in _NOT_IN_THE_MACHINE:
                tar.add(path, path.name, filter=chosen)
        tar.add(given, ARGUMENTS)


def scratch(settings: Settings, path: Path) -> None:
    """Make an empty disk to write to."""
    _make_ext4(settings, path, SCRATCH_BYTES)


def suits_this_python() -> bool:
    """Whether the virtual environment's packages run under Debian's Python 3.11 on the machine's processor."""
    return sys.platform == "linux" and os.uname().machine == "x86_64"
