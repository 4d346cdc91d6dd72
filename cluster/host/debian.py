"""Makes a small Debian root file system out of Debian's packages alone, kept in the cache as a tar file."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cluster import versions
from cluster.errors import ClusterError
from cluster.host.command import answers, run
from cluster.host.content import content_key
from cluster.host.leftovers import unmount_below
from cluster.host.locks import held
from cluster.host.packages import ROOT_PROGRAMS, install, program
from cluster.host.progress import step
from cluster.settings import Settings

HOST_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
HOST_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_UNNEEDED = (
    "var/cache/apt/*.bin",
    "var/cache/apt/archives/*.deb",
    "var/lib/apt/lists/*",
    "var/log/*.log",
    "var/log/apt/*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/locale/*",
)


def sources(policy: str) -> str | None:
    """The mirror of Debian's main archive in the output of `apt-cache policy`."""
    for line in policy.splitlines():
        words = line.split()
        if len(words) >= 3 and words[1].startswith(("http://", "https://")) and words[2] == f"{versions.DEBIAN_SUITE}/main":
            return words[1]
    return None


def recipe() -> str:
    """Names what every root depends on, the certificate authorities that the host trusts included."""
    trust = content_key(HOST_BUNDLE) if HOST_BUNDLE.exists() else "none"
    return f"{versions.DEBIAN_SUITE} {trust} {','.join(_UNNEEDED)}"


def _trust_what_the_host_trusts(root: Path) -> None:
    """Package installs inside a build must reach the registries that the host reaches, a proxy's included."""
    if HOST_BUNDLE.exists() and (root / "etc/ssl/certs").is_dir():
        shutil.copyfile(HOST_BUNDLE, root / "etc/ssl/certs/ca-certificates.crt")
    if HOST_AUTHORITIES.is_dir():
        shutil.copytree(HOST_AUTHORITIES, root / "usr/local/share/ca-certificates", dirs_exist_ok=True)


def _slim(root: Path) -> None:
    for pattern in _UNNEEDED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _debootstrap(settings: Settings, name: str, packages: Sequence[str], root: Path) -> None:
    if os.geteuid() != 0:
        raise ClusterError(
            f"the image {name} can't be pulled, and making it from Debian packages takes root",
            do="let the engine reach its image registry, or run as root on Debian",
        )
    install(settings, ROOT_PROGRAMS)
    mirror = sources(answers(["apt-cache", "policy"]) or "")
    with step(f"making a Debian root for {name}", "debootstrap"):
        run(
            [
                program("debootstrap") or "debootstrap",
                "--variant=minbase",
                f"--include={','.join(packages)}",
                versions.DEBIAN_SUITE,
                root,
                *([mirror] if mirror else []),
            ],
            log=settings.logs / f"debian-{name}.log",
            do="see whether Debian's mirror can be reached, then run it again",
        )


def root_tar(settings: Settings, name: str, packages: Sequence[str]) -> Path:
    """The tar file of a root with these packages, made where the cache lacks it."""
    key = content_key(",".join(packages), recipe())
    tar = settings.cache / "debian" / f"{name}-{key}.tar"
    if tar.exists():
        return tar
    with held(settings.cache / "locks" / tar.stem, f"the Debian root for {name}"):
        if tar.exists():
            return tar
        tar.parent.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=tar.parent))
        unfinished = tar.with_suffix(".unfinished")
        try:
            root.chmod(0o755)
            _debootstrap(settings, name, packages, root)
            _trust_what_the_host_trusts(root)
            _slim(root)
            run(
                ["tar", "--numeric-owner", "--one-file-system", "-C", root, "-cf", unfinished, "."],
                log=settings.logs / f"debian-{name}.log",
            )
            unfinished.replace(tar)
            for older in tar.parent.glob(f"{name}-*.tar"):
                if older != tar:
                    older.unlink(missing_ok=True)
        finally:
            unmount_below([root])
            shutil.rmtree(root, ignore_errors=True)
    return tar
