"""`python3 -m cluster.vm TESTS...`: run tests in a virtual machine with cgroup v2; arguments are pytest's."""

import os
import sys
import tempfile
from pathlib import Path

from cluster import settings as reading
from cluster.errors import ClusterError
from cluster.host.packages import install
from cluster.settings import Settings
from cluster.vm import disks, machine, parts

WITHIN_SECONDS = 3600.0
"""For a machine that hangs; a test that hangs is ended by its own limit long before."""


def run_tests(settings: Settings, arguments: list[str]) -> int:
    """The exit status of pytest in the machine."""
    if not disks.suits_this_python():
        raise ClusterError(
            "the virtual machine runs on x86-64 Linux only", do="run `make fast`, which tests under this machine's own cgroups"
        )
    install(settings, machine.QEMU)
    booted = parts.ensure(settings)
    system = disks.system(settings)
    with tempfile.TemporaryDirectory(prefix="lambent-vm-") as name:
        checkout, scratch = Path(name) / "checkout.tar", Path(name) / "scratch.img"
        disks.checkout(settings, checkout, arguments)
        disks.scratch(settings, scratch)
        return machine.run(booted, [system, checkout, scratch], WITHIN_SECONDS)


def main() -> int:
    settings = reading.read(os.environ, Path(__file__).resolve().parents[2])
    settings.logs.mkdir(parents=True, exist_ok=True)
    try:
        return run_tests(settings, sys.argv[1:])
    except ClusterError as error:
        print(error.explanation(), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
