"""Runs QEMU: what the machine says on its console goes to stdout, and its last line holds the exit status."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from cluster.errors import ClusterError
from cluster.host.command import shown
from cluster.host.packages import program
from cluster.vm.parts import Parts

QEMU = {"qemu-system-x86_64": "qemu-system-x86"}
MEMORY_MIB = 2048
PROCESSORS = 2
_STATUS = re.compile(rb"^lambent-vm: exit status (\d+)\n", re.MULTILINE)
_STATUS_BYTES = 64
# Software emulation translates code by its address: the same addresses in every process save most of that work. Guards against other
# guests on the same processor cost it dearly and protect nobody here.
_FAST = "norandmaps nokaslr mitigations=off tsc=reliable clocksource=tsc init_on_alloc=0 audit=0"


def command(parts: Parts, disks: Sequence[Path]) -> list[str]:
    """QEMU's command line: no network, no devices but the disks and the console."""
    kernel = ["-kernel", str(parts.kernel), "-initrd", str(parts.initrd), "-append", f"console=ttyS0 quiet loglevel=1 panic=-1 {_FAST}"]
    size = ["-accel", "tcg,thread=multi", "-m", str(MEMORY_MIB), "-smp", str(PROCESSORS)]
    drives: list[str] = []
    for number, disk in enumerate(disks):
        written = number == len(disks) - 1
        drives += ["-drive", f"file={disk},if=virtio,format=raw,{'cache=unsafe' if written else 'readonly=on'}"]
    silent = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio", "-net", "none"]
    return [program("qemu-system-x86_64") or "qemu-system-x86_64", *size, *kernel, *drives, *silent]


def show(console: IO[bytes]) -> int | None:
    """Pass on what the machine says, as it says it, up to the status at its end; returns that, None where the machine ends without."""
    kept = b""
    while said := console.read(65536):
        said = said.replace(b"\r", b"")
        sys.stdout.buffer.write(said)
        sys.stdout.buffer.flush()
        kept = (kept + said)[-_STATUS_BYTES - len(said) :]
        if found := _STATUS.search(kept):
            return int(found[1])
    return None


def run(parts: Parts, disks: Sequence[Path], within_seconds: float) -> int:
    """Boot, show what is said, wait for the end; returns the status that the machine ended with."""
    argv = command(parts, disks)
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    timer = threading.Timer(within_seconds, child.kill)
    timer.start()
    status = None
    try:
        assert child.stdout is not None
        status = show(child.stdout)
    finally:
        timer.cancel()
        child.kill()
        child.wait()
    if status is None:
        why = f"it was given {within_seconds:.0f} s" if child.returncode == -signal.SIGKILL else f"QEMU ended with {child.returncode}"
        raise ClusterError(
            f"the virtual machine ended without a result: {why}", do=f"look at its last lines; it was started as\n  {shown(argv)}"
        )
    return status
