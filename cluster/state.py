"""What this checkout has started, written before it is started: so that down removes that and nothing else."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from cluster.errors import ClusterError
from cluster.host import json_file
from cluster.settings import Settings

Phase = Literal["creating", "created"]


@dataclass
class State:
    """One checkout's cluster."""

    cluster: str
    engine: Literal["docker", "podman", "existing"]
    own_engine: bool
    phase: Phase
    shape: str = ""
    """What a running cluster can't change: its node image and its configuration, as a key."""
    loaded: dict[str, str] = field(default_factory=dict)
    """Images in its nodes: name and the id that was loaded."""
    nodes: int = 1
    """How many it has, so that an `up` that does not say keeps them."""


def read(settings: Settings) -> State | None:
    content: dict[str, Any] | None = json_file.read(settings.folder / "state.json")
    if content is None:
        return None
    known = {name: content[name] for name in State.__dataclass_fields__ if name in content}
    try:
        return State(**known)
    except TypeError:
        return None  # written by another version: the cluster is found by its name


def write(settings: Settings, state: State) -> None:
    json_file.write(settings.folder / "state.json", asdict(state))


def forget(settings: Settings) -> None:
    (settings.folder / "state.json").unlink(missing_ok=True)


def settle(settings: Settings, state: State | None) -> Settings:
    """The settings with the name and, where NODES does not say, the nodes that this checkout's cluster has already.

    One checkout has one cluster. Targets that bring it up before they use it must not make it anew for a variable that was left out.
    Raises ClusterError where the settings ask for another one.
    """
    if state is None or state.engine == "existing":
        return settings
    if settings.mode == "existing":
        raise ClusterError(f"this checkout has the kind cluster {state.cluster!r}", do="run `make down` before CLUSTER=existing")
    if settings.name_given and settings.name != state.cluster:
        raise ClusterError(
            f"CLUSTER_NAME={settings.name!r}, but the cluster of this checkout is {state.cluster!r}",
            do=f"set CLUSTER_NAME={state.cluster} or leave it out; to have another one, run `make down` first",
        )
    return replace(settings, name=state.cluster, nodes=settings.nodes if settings.nodes_given else state.nodes)


Action = Literal["create", "recreate", "keep", "start", "refuse"]


def decide(state: State | None, *, cluster: str, shape: str, containers: dict[str, bool], claimed: bool, nodes: int) -> Action:
    """What `up` does about a cluster whose containers (running or not) are these.

    `claimed`: the name can only be ours, because it is made of the checkout's path or noted in our engine.
    """
    ours = claimed or (state is not None and state.cluster == cluster)
    if not containers:
        return "create"
    if not ours:
        return "refuse"
    if state is None or state.cluster != cluster or state.phase != "created" or len(containers) != nodes:
        return "recreate"
    if state.shape != shape:
        return "recreate"
    return "keep" if all(containers.values()) else "start"
