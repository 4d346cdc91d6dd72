"""What the machine boots: Debian's kernel, taken out of its package without being installed, and a first root in memory."""

import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cluster import versions
from cluster.errors import ClusterError
from cluster.host.command import answers, output, run
from cluster.host.content import content_key
from cluster.host.locks import held
from cluster.host.progress import step
from cluster.settings import Settings

KERNEL_PACKAGE = "linux-image-cloud-amd64"
GUEST = Path(__file__).parent / "guest"
DISK_MODULES = ("virtio_pci", "virtio_blk")
"""What the kernel needs to see its disks; ext4 is built in."""


class Parts(NamedTuple):
    """Files that QEMU is given."""

    kernel: Path
    initrd: Path


def ensure(settings: Settings) -> Parts:
    """Kernel and initrd, made where the cache lacks them."""
    folder = settings.cache / "vm" / f"kernel-{versions.DEBIAN_SUITE}-amd64"
    with held(settings.cache / "locks" / "vm-kernel", "the machine's kernel"):
        if not folder.exists():
            _fetch(settings, folder)
        initrd = folder / f"initrd-{content_key(GUEST / 'init', Path(__file__))}.cpio"
        if not initrd.exists():
            for older in folder.glob("initrd-*.cpio"):
                older.unlink()
            unfinished = initrd.with_suffix(".unfinished")
            unfinished.write_bytes(_build_initrd(folder))
            unfinished.replace(initrd)
    return Parts(folder / "vmlinuz", initrd)


def kernel_named_by(shown: str) -> str | None:
    """The package of the kernel itself, in what `apt-cache show` says of the one that always depends on the newest."""
    found = re.search(r"^Depends:.*?\b(linux-image-[\w.+-]+-cloud-amd64)\b", shown, re.MULTILINE)
    return found[1] if found else None


def _fetch(settings: Settings, folder: Path) -> None:
    log = settings.logs / "vm-kernel.log"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with step("fetching a kernel for the virtual machine", "Debian's mirror"), tempfile.TemporaryDirectory(dir=folder.parent) as name:
        place = Path(name)
        if answers(["apt-cache", "show", KERNEL_PACKAGE]) is None:
            run(["apt-get", "update", "-q"], log=log, do="see whether Debian's mirror can be reached")
        kernel = kernel_named_by(output(["apt-cache", "show", KERNEL_PACKAGE], do="use Debian 12 with its main archive"))
        if kernel is None:
            raise ClusterError(f"Debian's package {KERNEL_PACKAGE} names no kernel", do="see `apt-cache show` of it")
        run(["apt-get", "download", "-q", kernel, "busybox-static"], log=log, cwd=place, do="run `apt-get update`, then this again")
        for package in place.glob("*.deb"):
            run(["dpkg", "-x", package, place / "root"], log=log)
        made = place / "made"
        made.mkdir()
        shutil.copy(next((place / "root/boot").glob("vmlinuz-*")), made / "vmlinuz")
        shutil.copy(place / "root/bin/busybox", made / "busybox")
        shutil.move(next((place / "root/lib/modules").iterdir()) / "kernel", made / "modules")
        made.replace(folder)


def in_order(wanted: Iterable[str], needs: dict[str, Sequence[str]]) -> list[str]:
    """Modules with all that they need, each after what it needs."""
    order: list[str] = []

    def add(name: str) -> None:
        for needed in needs[name]:
            add(needed)
        if name not in order:
            order.append(name)

    for name in wanted:
        add(name)
    return order


def _needs(module: bytes) -> list[str]:
    found = re.search(rb"\bdepends=([^\0]*)\0", module)
    return [name for name in found[1].decode().split(",") if name] if found else []


def _build_initrd(folder: Path) -> bytes:
    modules = {path.stem.replace("-", "_"): path.read_bytes() for path in (folder / "modules").rglob("virtio*.ko")}
    order = in_order(DISK_MODULES, {name: _needs(content) for name, content in modules.items()})
    executable, folder_mode = stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755
    entries = [(name, folder_mode, b"") for name in ("bin", "dev", "modules", "proc", "root")]
    entries += [("init", executable, (GUEST / "init").read_bytes()), ("bin/busybox", executable, (folder / "busybox").read_bytes())]
    entries.append(("modules/order", executable, "".join(f"{name}\n" for name in order).encode()))
    entries += [(f"modules/{name}.ko", executable, modules[name]) for name in order]
    return cpio_archive(entries)


def cpio_archive(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """An archive of (path, mode, content), as the kernel unpacks it (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""
    archive = bytearray()
    for number, (path, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)
