"""Installs Debian packages where they are missing, without letting them start anything."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cluster.host.command import run
from cluster.host.progress import step
from cluster.settings import Settings

ENGINE_PROGRAMS = {
    "dockerd": "docker.io",
    "docker-proxy": "docker.io",
    "iptables-save": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
}
ROOT_PROGRAMS = {"debootstrap": "debootstrap"}
_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_TEXT = "#!/bin/sh\n# written by Lambent's cluster/host/packages.py for the time of one apt-get\nexit 101\n"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str) -> str | None:
    """Where a system program is, also for a user whose PATH lacks the system's folders."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")


def missing(programs: Mapping[str, str]) -> list[str]:
    """The packages to install so that these programs are there."""
    return sorted({package for name, package in programs.items() if program(name) is None})


@contextmanager
def _services_stay_down() -> Iterator[None]:
    """Debian's way to say that an installed service is not to be started; left alone where one says so already."""
    if _POLICY.exists() and _POLICY.read_text() != _POLICY_TEXT:
        yield
        return
    _POLICY.write_text(_POLICY_TEXT)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def install(settings: Settings, programs: Mapping[str, str]) -> None:
    """Installs what lacks, by apt-get."""
    packages = missing(programs)
    if not packages:
        return
    log = settings.logs / "apt.log"
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    wait = "-oDPkg::Lock::Timeout=120"
    with step(f"installing {', '.join(packages)}", "apt-get"), _services_stay_down():
        run(["apt-get", "update", "-q", wait], log=log, env=env, do="see whether Debian's mirror can be reached")
        run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", wait, *packages],
            log=log,
            env=env,
            do="install them by hand (`apt-get install …`), then run it again",
        )
