"""What the user chose by environment variables, checked once; nothing else here reads the environment."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError

MODES = ("kind", "existing")
PULL_CHOICES = ("auto", "never")
MAX_NODES = 9
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Settings:
    """One run's choices."""

    checkout: Path
    """The root of the checkout the command was started from."""
    cache: Path
    """LAMBENT_CACHE: built parts, shared by all checkouts of this user."""
    mode: str
    """CLUSTER: `kind`, or `existing` for the current context of the user's own kubeconfig."""
    name: str
    """CLUSTER_NAME: the kind cluster's name; by default one of this checkout's own."""
    name_given: bool
    nodes: int
    """NODES: how many nodes the kind cluster has; by default as many as it has already, or one."""
    nodes_given: bool
    pull: bool
    """PULL=never: build the images from package registries even where they could be pulled."""
    values: Path | None = None
    """VALUES: a file of chart values of the user's own, on top of those for a kind cluster."""

    @property
    def folder(self) -> Path:
        return self.checkout / ".cluster"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def binaries(self) -> Path:
        return self.folder / "bin"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


def checkout_key(checkout: Path) -> str:
    """A short name for a checkout, equal for equal paths."""
    return hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()[:6]


def _refuse(key: str, value: str, allowed: str) -> ClusterError:
    return ClusterError(f"{key}={value!r} is not allowed", do=f"set {key} to {allowed}")


def _cache_folder(environ: Mapping[str, str]) -> Path:
    if chosen := environ.get("LAMBENT_CACHE"):
        return Path(chosen).expanduser().absolute()
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "lambent"
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / ".cache" / "lambent"


def read(environ: Mapping[str, str], checkout: Path) -> Settings:
    """The settings, or an error that names variable, value and what is allowed."""
    mode = environ.get("CLUSTER") or "kind"
    if mode not in MODES:
        raise _refuse("CLUSTER", mode, "`kind` (the default) or `existing`")
    given = environ.get("CLUSTER_NAME", "")
    name = given or f"lambent-{checkout_key(checkout)}"
    if not _NAME.fullmatch(name):
        raise _refuse("CLUSTER_NAME", name, "1 to 40 lower-case letters, digits and inner dashes")
    nodes_given = environ.get("NODES", "")
    nodes = nodes_given or "1"
    if not nodes.isascii() or not nodes.isdigit() or not 1 <= int(nodes) <= MAX_NODES:
        raise _refuse("NODES", nodes, f"a whole number from 1 to {MAX_NODES}")
    pull = environ.get("PULL") or "auto"
    if pull not in PULL_CHOICES:
        raise _refuse("PULL", pull, "`auto` (the default) or `never`")
    values = Path(environ["VALUES"]).expanduser().absolute() if environ.get("VALUES") else None
    if values is not None and not values.is_file():
        raise _refuse("VALUES", str(values), "a file of chart values that exists")
    return Settings(
        checkout=checkout,
        cache=_cache_folder(environ),
        mode=mode,
        name=name,
        name_given=bool(given),
        nodes=int(nodes),
        nodes_given=bool(nodes_given),
        pull=pull == "auto",
        values=values,
    )
