"""Which container engine is used, and how it is talked to."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cluster.host.command import answers

ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Engine:
    """A container engine that answers."""

    name: Literal["docker", "podman"]
    client: str
    """The client program that is used, also by kind."""
    own: bool = False
    """Whether this project started it, and so may stop it."""
    reachable_nodes: bool = True
    """Whether the host reaches a container by its address (not so where the engine runs in a VM or rootless)."""
    extra_env: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """What its client and kind need in their environment."""
        path = f"{Path(self.client).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        chosen = {"KIND_EXPERIMENTAL_PROVIDER": self.name, "PATH": path}
        return {**chosen, **self.extra_env}


@dataclass(frozen=True)
class Facts:
    """What choosing an engine depends on."""

    docker_answers: bool
    podman_answers: bool
    cluster_in_own: bool
    """Whether this checkout's cluster is in an engine that was started by this project."""
    linux: bool
    root: bool
    debian: bool


Choice = Literal["own", "docker", "podman", "none"]


def choose(facts: Facts) -> Choice:
    """The engine that answers, else one of our own where one can be started."""
    if facts.cluster_in_own:
        return "own"
    if facts.docker_answers:
        return "docker"
    if facts.podman_answers:
        return "podman"
    return "own" if facts.linux and facts.root and facts.debian else "none"


def why_none(facts: Facts) -> str:
    """What is missing, for a person."""
    if not facts.linux:
        return "no container engine answers (neither `docker` nor `podman`)"
    if not facts.root:
        return "no container engine answers (neither `docker` nor `podman`), and starting one takes root"
    return "no container engine answers, and there is no `apt-get` to install Debian's docker.io with"


def nodes_are_reachable(platform: str, engine_info: str) -> bool:
    """Whether containers' addresses can be reached from the host, by what the engine says of itself."""
    if platform != "linux":
        return False
    return not any(word in engine_info.lower() for word in ("docker desktop", "rootless", "rancher desktop"))


_INFO = {
    "docker": ["info", "--format", "{{.ServerVersion}} {{.OperatingSystem}} {{.SecurityOptions}}"],
    "podman": ["info", "--format", "{{.Version.Version}} rootless={{.Host.Security.Rootless}}"],
}


def answering(name: Literal["docker", "podman"], own_socket: Path) -> Engine | None:
    """The user's engine of this name, if it answers; the one we started is not the user's."""
    client = shutil.which(name)
    if client is None or os.environ.get("DOCKER_HOST", "").endswith(str(own_socket)):
        return None
    info = answers([client, *_INFO[name]], timeout=ANSWER_SECONDS)
    if not info or not info.strip() or info.strip().startswith("[]"):
        return None
    rootless = "rootless=true" in info
    reachable = nodes_are_reachable(sys.platform, "rootless" if rootless else info.replace("rootless=false", ""))
    return Engine(name=name, client=client, reachable_nodes=reachable)
