"""Takes away what `up` made from this checkout, and nothing else."""

import os
import shutil
from typing import Literal, cast

from cluster import existing, state
from cluster.engine import own_engine
from cluster.engine.engine import Engine, answering
from cluster.errors import ClusterError
from cluster.host import tools
from cluster.host.progress import say
from cluster.kind.kind import Kind
from cluster.settings import Settings
from cluster.state import State


def down(settings: Settings) -> None:
    current = state.read(settings)
    if current is not None and current.engine == "existing":
        existing.down(settings)
        return
    settings = state.settle(settings, current)
    if own_engine.was_started():
        _down_in_own_engine(settings)
    if current is not None and not current.own_engine:
        _down_in_users_engine(settings, current)
    shutil.rmtree(settings.folder, ignore_errors=True)
    say("down: nothing of this checkout's cluster is left; built parts stay in the cache")


def _down_in_own_engine(settings: Settings) -> None:
    if os.geteuid() != 0:
        if own_engine.has_cluster(settings.name):
            raise ClusterError("the engine of this checkout's cluster was started by root", do="run it as root")
        return
    if own_engine.has_cluster(settings.name):
        # An engine that died is started once more: it alone can end its containers in order.
        engine = own_engine.ensure(settings)
        _delete(settings, engine)
    own_engine.release(settings)


def _down_in_users_engine(settings: Settings, current: State) -> None:
    name = cast(Literal["docker", "podman"], current.engine)
    engine = answering(name, own_engine.SOCKET)
    if engine is None:
        raise ClusterError(
            f"the cluster {current.cluster} is in an engine ({name}) that does not answer now",
            do=f"start {name}, then run `make down` again",
        )
    _delete(settings, engine)


def _delete(settings: Settings, engine: Engine) -> None:
    settings.logs.mkdir(parents=True, exist_ok=True)
    kind = Kind(settings, engine, tools.ensure(settings, ("kind",)))
    if kind.containers():
        kind.delete()
