"""kubectl, kind and helm: those on PATH where they suit, else built, and linked into .cluster/bin either way."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from cluster import versions
from cluster.command import answers
from cluster.go_build import HOST_TOOLS, build
from cluster.settings import Settings

Version = tuple[int, int]
_OLDEST_KIND = (0, 29)
_HELM_MAJOR = 3
_OLDEST_HELM_MINOR = 12
_ASKS = {
    "kubectl": ["version", "--client", "-o", "json"],
    "kind": ["version"],
    "helm": ["version", "--short"],
}


def version_in(text: str) -> Version | None:
    """(1, 34) out of a text that holds v1.34.4."""
    found = re.search(r"\bv(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _kubectl_suits(version: Version) -> bool:
    """Kubernetes supports a kubectl within one minor version of its server."""
    server = version_in(versions.KUBERNETES)
    return server is not None and version[0] == server[0] and abs(version[1] - server[1]) <= 1


_SUITS: dict[str, Callable[[Version], bool]] = {
    "kubectl": _kubectl_suits,
    "kind": lambda version: version >= _OLDEST_KIND,
    "helm": lambda version: version[0] == _HELM_MAJOR and version[1] >= _OLDEST_HELM_MINOR,
}


def suits(name: str, said: str | None) -> bool:
    """Whether a tool that says this of its version can be used."""
    if not said:
        return False
    if name == "kubectl":
        try:
            said = json.loads(said)["clientVersion"]["gitVersion"]
        except (ValueError, KeyError, TypeError):
            return False
    version = version_in(said)
    return version is not None and _SUITS[name](version)


def ensure(settings: Settings, names: tuple[str, ...] = HOST_TOOLS) -> dict[str, Path]:
    """Where each tool is."""
    found: dict[str, Path] = {}
    for name in names:
        path = shutil.which(name)
        if path and Path(path).parent != settings.binaries and suits(name, answers([path, *_ASKS[name]])):
            found[name] = Path(path)
    missing = [name for name in names if name not in found]
    if missing:
        found |= build(settings, missing)
    settings.binaries.mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        link = settings.binaries / name
        if not link.is_symlink() or link.readlink() != path:
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    return found
