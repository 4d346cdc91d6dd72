"""What the virtual machine of `make cgroup2` boots from, and how its end is read."""

import io
import itertools
import os
import subprocess
from pathlib import Path

import pytest

from cluster.vm.machine import command, show
from cluster.vm.parts import Parts, cpio_archive, in_order, kernel_named_by

SHOWN = """\
Package: linux-image-cloud-amd64
Version: 6.1.192-1
Depends: linux-image-6.1.0-57-cloud-amd64 (= 6.1.192-1)
"""


class Console(io.BytesIO):
    """Gives what it holds in pieces."""

    def __init__(self, content: bytes, piece: int) -> None:
        super().__init__(content)
        self._piece = piece

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._piece)


def test_the_newest_kernel_is_the_one_that_the_package_depends_on() -> None:
    assert kernel_named_by(SHOWN) == "linux-image-6.1.0-57-cloud-amd64"
    assert kernel_named_by("Package: linux-image-cloud-amd64\n") is None


def test_modules_are_loaded_after_what_they_need() -> None:
    needs = {"virtio_pci": ["virtio", "virtio_ring"], "virtio_blk": ["virtio"], "virtio": ["virtio_ring"], "virtio_ring": []}
    assert in_order(["virtio_blk", "virtio_pci"], needs) == ["virtio_ring", "virtio", "virtio_blk", "virtio_pci"]


def test_the_first_root_is_an_archive_of_the_form_that_the_kernel_unpacks() -> None:
    archive = cpio_archive([("bin", 0o040755, b""), ("bin/program", 0o100755, b"content")])
    entries = []
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[start : start + 8], 16) for start in range(at + 6, at + 110, 8)]
        name = archive[at + 110 : at + 110 + fields[11] - 1].decode()
        at += (110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            break
        entries.append((name, fields[1], archive[at : at + fields[6]]))
        at += (fields[6] + 3) // 4 * 4
    assert entries == [("bin", 0o040755, b""), ("bin/program", 0o100755, b"content")]
    assert at == len(archive)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"2 passed\r\nlambent-vm: exit status 0\r\n", 0),
        (b"lambent-vm: exit status 1\n", 1),
        (b"E  lambent-vm: exit status 0\nKernel panic\n", None),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 100])
def test_what_the_machine_says_is_passed_on_and_its_status_found(
    said: bytes, status: int | None, piece: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert show(Console(said, piece)) == status
    assert capfdbinary.readouterr().out == said.replace(b"\r", b"")


def test_the_machine_has_no_network_and_writes_to_its_last_disk_alone() -> None:
    line = command(Parts(Path("/k"), Path("/i")), [Path("/system"), Path("/checkout"), Path("/scratch")])
    assert line[line.index("-net") + 1] == "none"
    drives = [word for option, word in itertools.pairwise(line) if option == "-drive"]
    assert [drive.partition(",")[0] for drive in drives if "readonly=on" not in drive] == ["file=/scratch"]


@pytest.mark.parametrize("script", ["init", "run"])
def test_the_machines_scripts_are_shell(script: str) -> None:
    path = Path(__file__).parents[3] / "cluster/vm/guest" / script
    subprocess.run(["sh", "-n", os.fspath(path)], check=True)
