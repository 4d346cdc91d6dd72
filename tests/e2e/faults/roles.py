"""Each role of the control plane is deleted, deleted by force, killed, and stopped for a while."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tests.e2e.faults.arena import CONNECTION, LINK, Arena, Fault
from tests.e2e.framework.signals import signal_pods
from tests.e2e.framework.workspace import SYSTEM
from tests.support.waiting import wait_for

ROLES: Final = ("controller", "autoscaler", "activator")
STOPPED_SECONDS: Final = 20.0
FORCED_SECONDS: Final = 3.0
"""The kubelet ends a pod whose object is gone within this."""


def _victims(arena: Arena, role: str) -> list[str]:
    """All pods of a role that only acts; of the activators, through which all requests go, one."""
    names = [str(pod["metadata"]["name"]) for pod in arena.control_plane.pods(role)]
    return names[:1] if role == "activator" else names


def _delete(role: str, arena: Arena) -> None:
    names = _victims(arena, role)
    for name in names:
        with arena.striking():
            arena.workspace.api.delete("Pod", SYSTEM, name)
    # Until the last of its requests is answered, the load goes on.
    for name in names:
        wait_for(partial(_is_gone, arena, name), f"{name} to be gone", 60)


def _delete_by_force(role: str, arena: Arena) -> None:
    for name in _victims(arena, role):
        with arena.striking(after_seconds=FORCED_SECONDS):
            arena.workspace.api.delete("Pod", SYSTEM, name, grace_seconds=0)


def _signal(role: str, stop_seconds: float, arena: Arena) -> None:
    victims = _victims(arena, role)
    pods = [pod for pod in arena.control_plane.pods(role) if pod["metadata"]["name"] in victims]
    _strike(arena, pods, stop_seconds)


def _kill_all_activators(arena: Arena) -> None:
    _strike(arena, arena.control_plane.pods("activator"), 0.0)


def _strike(arena: Arena, pods: list[dict[str, Any]], stop_seconds: float) -> None:
    for span in signal_pods(arena.workspace.api, arena.control_plane, pods, stop_seconds=stop_seconds):
        arena.struck(*span)
    if not stop_seconds:
        # The kubelet tells of an end up to a second later: until then all looks whole.
        for pod in pods:
            wait_for(partial(_has_restarted, arena, pod), f"the container of {pod['metadata']['name']} to run again", 180)


def _has_restarted(arena: Arena, before: dict[str, Any]) -> bool:
    now = arena.workspace.api.get("Pod", SYSTEM, before["metadata"]["name"])
    return now is None or (_restarts(now) > _restarts(before) and all(status["ready"] for status in now["status"]["containerStatuses"]))


def _restarts(pod: dict[str, Any]) -> int:
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", ()))


def _is_gone(arena: Arena, name: str) -> bool:
    return arena.workspace.api.get("Pod", SYSTEM, name) is None


def faults() -> list[Fault]:
    """For every role; a request in an activator that dies breaks off as in any proxy."""
    found = []
    for role in ROLES:
        broken, lost = (CONNECTION, LINK) if role == "activator" else (frozenset[str](), frozenset[str]())
        found += [
            Fault(f"{role} deleted", partial(_delete, role), quick=role == "activator"),
            Fault(f"{role} deleted by force", partial(_delete_by_force, role), broken),
            Fault(f"{role} killed", partial(_signal, role, 0.0), broken, quick=role != "controller"),
            Fault(f"{role} stopped for {STOPPED_SECONDS:g} s", partial(_signal, role, STOPPED_SECONDS), excused_if_started=lost),
        ]
    found.append(Fault("all activators killed", _kill_all_activators, CONNECTION))
    return found
