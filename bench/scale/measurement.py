"""The whole run: grow, rest, restart, at each size; then a hundred functions at work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.kube import ROOT
from bench.scale.functions import Growth, grow
from bench.scale.observation import Observation, Observer
from bench.scale.processes import Process
from bench.scale.replay import Replayed, replay
from bench.scale.restarts import (
    ControllerRestart,
    restart_activator,
    restart_activator_with_pods,
    restart_autoscaler,
    restart_controller,
)
from bench.scale.roles import Role, build_roles
from bench.scale.simulated_cluster import SimulatedCluster
from bench.scale.workload import Call, draw_calls, draw_shapes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How large and how long; seconds."""

    functions: int = 10_000
    active: int = 100
    nodes: int = 300
    rest: float = 60.0
    work: float = 120.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Where slopes are taken."""
        return (self.functions // 10, self.functions * 3 // 10, self.functions)


@dataclass
class Measured:
    """Everything that was found."""

    plan: Plan
    growths: list[tuple[int, Growth, Observation]] = field(default_factory=list)
    """With how many Functions were added, and what that took."""
    at_rest: list[Observation] = field(default_factory=list)
    """After growth, at each size; the first one with none."""
    after_restarts: Observation | None = None
    controller: list[ControllerRestart] = field(default_factory=list)
    killed: ControllerRestart | None = None
    activator: list[tuple[int, float]] = field(default_factory=list)
    activator_with_pods: float | None = None
    autoscaler: list[tuple[int, float]] = field(default_factory=list)
    at_work: Observation | None = None
    replayed: Replayed | None = None
    calls: int = 0
    pods: int = 0


async def measure(cluster: SimulatedCluster, plan: Plan, say: Say) -> Measured:
    """Needs a cluster that has been started."""
    measured = Measured(plan)
    observer = Observer(cluster)
    roles = build_roles(cluster)
    for role in roles.values():
        await role.start()
    for role in roles.values():
        await role.wait_until(role.is_ready, "is ready")
    await observer.wait_for_rest()
    measured.at_rest.append(await observer.observe(0, min(plan.rest, 15.0)))
    there = 0
    for size in plan.sizes:
        observer.begin()
        growth = await grow(cluster, range(there, size))
        cost = observer.end(size)
        measured.growths.append((size - there, growth, cost))
        say(
            f"{size - there:,} Functions applied in {growth.applied_seconds:.1f} s, all Ready after {growth.ready_seconds:.1f} s "
            f"({cost.elsewhere_percent:.0f} % of a CPU elsewhere)"
        )
        there = size
        await observer.wait_for_rest()
        at_rest = await observer.observe(size, plan.rest if size == plan.functions else plan.rest / 2)
        measured.at_rest.append(at_rest)
        say(f"at rest with {size:,}: {at_rest.memory_mib:.0f} MiB, {at_rest.roles_cpu_percent:.2f} % of a CPU, {_sizes(at_rest)}")
        await _restart_all(cluster, roles, observer, size, measured, say)
    measured.after_restarts = await observer.observe(there, plan.rest / 2)
    say(f"after the restarts: {measured.after_restarts.memory_mib:.0f} MiB, {_sizes(measured.after_restarts)}")
    await _work(cluster, roles, observer, measured, say)
    measured.killed = await restart_controller(roles["controller"], cluster, observer, plan.functions, killed=True)
    say(f"controller killed: follows a change {measured.killed.reacted:.1f} s after its start")
    return measured


def _sizes(observation: Observation) -> str:
    return ", ".join(f"{name} {usage.resident_mib:.0f}" for name, usage in observation.usage.items())


async def _restart_all(
    cluster: SimulatedCluster, roles: dict[str, Role], observer: Observer, size: int, measured: Measured, say: Say
) -> None:
    restart = await restart_controller(roles["controller"], cluster, observer, size)
    measured.controller.append(restart)
    activator, autoscaler = await restart_activator(roles["activator"]), await restart_autoscaler(roles["autoscaler"])
    measured.activator.append((size, activator))
    measured.autoscaler.append((size, autoscaler))
    say(
        f"restarts with {size:,}: controller follows a change after {restart.reacted:.1f} s"
        f" and has looked at all after {restart.surveyed:.1f} s; "
        f"activator ready after {activator:.1f} s; autoscaler leads after {autoscaler:.1f} s"
    )


async def _work(cluster: SimulatedCluster, roles: dict[str, Role], observer: Observer, measured: Measured, say: Say) -> None:
    plan = measured.plan
    ports = roles["activator"].environment
    link, http = ports["LAMBENT_LINK_PORT"], int(ports["LAMBENT_HTTP_PORT"])
    path = ":".join(str(ROOT / part) for part in ("operator", "runtime-images/shim", "."))
    argv: list[str | Path] = [sys.executable, "-m", "bench.scale.farm", cluster.folder, str(cluster.port), f"127.0.0.1:{link}"]
    cluster.processes["farm"] = Process("farm", argv, cluster.folder / "farm.log", {"PYTHONPATH": path, "PATH": "/usr/bin:/bin"})
    apart = plan.functions // plan.active
    shapes = draw_shapes(plan.active)
    calls = [Call(call.at, call.number * apart, call.seconds) for call in draw_calls(shapes, plan.work)]
    await observer.wait_for_rest(30.0)
    observer.begin()
    measured.replayed = await replay(calls, http)
    measured.at_work = observer.end(plan.functions)
    measured.calls = len(calls)
    measured.pods = sum(count for (_, verb, what), count in measured.at_work.requests.items() if (verb, what) == ("create", "pods"))
    replayed = measured.replayed
    say(
        f"{len(calls):,} calls of {plan.active} functions in {measured.at_work.seconds:.0f} s: {dict(replayed.failures) or 'no'} failures, "
        f"{replayed.quantile_ms(0.5):.1f} ms p50 and {replayed.quantile_ms(0.95):.0f} ms p95 "
        f"beyond the handlers; {measured.pods} pods started"
    )
    busiest = max(shapes, key=lambda shape: shape.per_day).number * apart
    measured.activator_with_pods = await restart_activator_with_pods(roles["activator"], busiest, http)
    say(f"activator restarted under its pods: answers after {measured.activator_with_pods:.2f} s")
