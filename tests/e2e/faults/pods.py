"""Pods of functions and of the pool end, stand still, or lose the network."""

from __future__ import annotations

from typing import Any, Final

from tests.e2e.faults.arena import LINK, WARM_SLOTS, Arena, Fault
from tests.e2e.framework.signals import cut_network, signal_pods
from tests.e2e.framework.warm_pool import pool_pods

STOPPED_SECONDS: Final = 20.0
FORCED_SECONDS: Final = 3.0
SLOTS_BELIEVED: Final = WARM_SLOTS * 2
"""The warm pod's slots, by each of two activators."""


def _victim(arena: Arena) -> dict[str, Any]:
    return arena.warm_pods()[0]


def _delete(arena: Arena) -> None:
    name = _victim(arena)["metadata"]["name"]
    with arena.striking():
        arena.workspace.delete("Pod", name)
    arena.wait_until_replaced(name)


def _delete_by_force(arena: Arena) -> None:
    name = _victim(arena)["metadata"]["name"]
    with arena.striking(after_seconds=FORCED_SECONDS):
        arena.workspace.api.delete("Pod", arena.workspace.namespace, name, grace_seconds=0)
    arena.wait_until_replaced(name)


def _kill(arena: Arena) -> None:
    for span in signal_pods(arena.workspace.api, arena.control_plane, [_victim(arena)]):
        arena.struck(*span)


def _stop(arena: Arena) -> None:
    arena.struck_throughout(signal_pods(arena.workspace.api, arena.control_plane, [_victim(arena)], stop_seconds=STOPPED_SECONDS))


def _cut(arena: Arena) -> None:
    arena.struck_throughout(cut_network(arena.workspace.api, arena.control_plane, _victim(arena), STOPPED_SECONDS))


def _kill_pool(arena: Arena) -> None:
    pods = [pod for pod in pool_pods(arena.workspace) if pod["status"].get("phase") == "Running"]
    for span in signal_pods(arena.workspace.api, arena.control_plane, pods):
        arena.struck(*span)


def _delete_pool_by_force(arena: Arena) -> None:
    for pod in pool_pods(arena.workspace):
        with arena.striking(after_seconds=FORCED_SECONDS):
            arena.workspace.api.delete("Pod", arena.workspace.namespace, pod["metadata"]["name"], grace_seconds=0)


def faults() -> list[Fault]:
    """What had started in a pod that dies fails as LinkLost, and is never run again; all else goes elsewhere.

    Nobody is told of a pod that falls silent. Until its pings are missed each activator sends it as many invocations as it has slots, and
    does not know whether they began: so many may fail.
    """
    return [
        Fault("function's pod deleted", _delete, quick=True),
        Fault("function's pod deleted by force", _delete_by_force, LINK),
        Fault("function's pod killed", _kill, LINK, quick=True),
        Fault(f"function's pod stopped for {STOPPED_SECONDS:g} s", _stop, LINK | {"Function.Timeout"}, most_excused=SLOTS_BELIEVED),
        Fault(f"function's pod cut off for {STOPPED_SECONDS:g} s", _cut, LINK, most_excused=SLOTS_BELIEVED),
        Fault("pool's pods killed", _kill_pool, LINK, quick=True),
        Fault("pool's pods deleted by force", _delete_pool_by_force, LINK),
    ]
