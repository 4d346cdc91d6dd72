"""kubectl, kind and helm: those on PATH where they suit, else built, and linked into .cluster/bin either way."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster import versions
from cluster.host.command import answers
from cluster.host.go_build import HOST_TOOLS, build
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


def on_path(settings: Settings, names: Sequence[str]) -> dict[str, Path]:
    """The tools that are installed and suit."""
    found: dict[str, Path] = {}
    for name in names:
        there = shutil.which(name)
        if there and Path(there).parent != settings.binaries and suits(name, answers([there, *_ASKS[name]])):
            found[name] = Path(there)
    return found


def ensure(settings: Settings, names: Sequence[str] = HOST_TOOLS, *, also: Sequence[str] = ()) -> dict[str, Path]:
    """Where each tool is; other programs of ours (`also`) are built in the same go."""
    found = on_path(settings, names)
    programs = build(settings, list(dict.fromkeys([*also, *(name for name in names if name not in found)])))
    chosen = {name: found.get(name) or programs[name] for name in names}
    settings.binaries.mkdir(parents=True, exist_ok=True)
    for name, path in chosen.items():
        link = settings.binaries / name
        if not link.is_symlink() or link.readlink() != path:
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    return chosen
