"""The run's figures as one table, slopes and JSON. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.report import Result, quantile
from bench.scale.audit import by_client
from bench.scale.measurement import Measured
from bench.scale.observation import Observation
from bench.scale.roles import ROLES
from bench.scale.slopes import Line, fit

FULL = 10_000
"""The targets of the issue are for so many Functions; other sizes have none."""


def results_of(measured: Measured) -> list[Result]:
    """One row for each figure."""
    plan = measured.plan
    full = plan.functions == FULL
    count = f"{plan.functions:,} idle functions"
    idle = measured.at_rest[-1]
    worst = max([idle, *([measured.after_restarts] if measured.after_restarts else [])], key=lambda each: each.memory_mib)
    rows = [
        Result(f"{count}: controller + activator + autoscaler, RSS", worst.memory_mib, "MiB", "lower", *_targets(full, 500, 250)),
        Result(f"{count}: the same, PSS", worst.shared_once_mib, "MiB", "lower"),
        Result(f"{count}: their CPU at rest", idle.roles_cpu_percent, "%", "lower", *_targets(full, 5, 1)),
        Result(f"{count}: their API requests at rest", idle.of_lambent(), "/s", "lower"),
    ]
    added, growth, _ = measured.growths[0]
    first = f"apply of {added:,} Functions until all Ready"
    rows += [
        Result(first, growth.ready_seconds, "s", "lower", *_targets(added == 1000, 60, 20)),
        Result("from its apply to Ready, p50", quantile(list(growth.waits), 0.5), "s", "lower"),
    ]
    for added, growth, _ in measured.growths[1:]:
        rows.append(Result(f"apply of {added:,} more until all Ready", growth.ready_seconds, "s", "lower"))
    for restart in measured.controller:
        name = f"controller restarted with {restart.functions:,}"
        targets = _targets(restart.functions == FULL, 60, 15)
        rows.append(Result(f"{name}, until it follows a change", restart.reacted, "s", "lower", *targets))
        rows.append(Result(f"{name}, until all is looked at", restart.surveyed, "s", "lower"))
    if measured.killed is not None:
        rows.append(Result("controller killed, until a new one follows a change", measured.killed.reacted, "s", "lower"))
    rows += [Result(f"activator restarted with {size:,}, until ready", seconds, "s", "lower") for size, seconds in measured.activator]
    rows += [Result(f"autoscaler restarted with {size:,}, until it leads", seconds, "s", "lower") for size, seconds in measured.autoscaler]
    if measured.activator_with_pods is not None:
        rows.append(Result("activator restarted, until it answers for a pod", measured.activator_with_pods, "s", "lower"))
    return rows + _work_rows(measured)


def _work_rows(measured: Measured) -> list[Result]:
    work, replayed = measured.at_work, measured.replayed
    if work is None or replayed is None:
        return []
    at_work = f"{measured.plan.active} of {measured.plan.functions:,} at work"
    return [
        Result(f"{at_work}: calls", measured.calls / work.seconds, "/s", "higher"),
        Result(f"{at_work}: failed", sum(replayed.failures.values()), "", "lower"),
        Result(f"{at_work}: beyond the handler's time, p50", replayed.quantile_ms(0.5), "ms", "lower"),
        Result(f"{at_work}: beyond the handler's time, p95", replayed.quantile_ms(0.95), "ms", "lower"),
        Result(f"{at_work}: pods started", measured.pods, "", "lower"),
        *(Result(f"{at_work}: {role}'s CPU", work.cpu_percent[role], "%", "lower") for role in ROLES),
        Result(f"{at_work}: memory of the three, RSS", work.memory_mib, "MiB", "lower"),
        Result(f"{at_work}: Lambent's API requests", work.of_lambent(), "/s", "lower"),
    ]


def _targets(wanted: bool, least: float, aim: float) -> tuple[float | None, float | None]:
    return (least, aim) if wanted else (None, None)


def slopes_of(measured: Measured) -> dict[str, Line]:
    """KiB (memory, store) and milliseconds (restarts) for each Function more, through all sizes; memory from the first size on."""
    rest = measured.at_rest[1:]
    lines = {f"{name}, KiB": _memory_line(rest, name) for name in (*ROLES, "apiserver", "controller-manager", "scheduler", "kwok")}
    lines["etcd's store, KiB"] = fit([(each.functions, each.etcd_mib * 1024.0) for each in rest])
    lines["CPU of the three at rest, % of a CPU"] = fit([(each.functions, each.roles_cpu_percent) for each in rest])
    lines["controller restarted until it follows a change, ms"] = fit(
        [(each.functions, each.reacted * 1e3) for each in measured.controller]
    )
    lines["controller restarted until all is looked at, ms"] = fit([(each.functions, each.surveyed * 1e3) for each in measured.controller])
    lines["activator restarted, ms"] = fit([(size, seconds * 1e3) for size, seconds in measured.activator])
    lines["autoscaler restarted, ms"] = fit([(size, seconds * 1e3) for size, seconds in measured.autoscaler])
    return lines


def _memory_line(observations: list[Observation], name: str) -> Line:
    return fit([(each.functions, each.usage[name].resident_mib * 1024.0) for each in observations])


def format_slopes(lines: dict[str, Line]) -> str:
    """A Markdown table."""
    rows = ["| what | with none | for each Function more |", "| --- | --- | --- |"]
    rows += [f"| {name} | {_plain(line.base)} | {_plain(line.slope)} |" for name, line in lines.items()]
    return "\n".join(rows)


def format_requests(observation: Observation, title: str) -> str:
    """Requests per second by client, as a Markdown table; what is asked for most beside it."""
    rows = [f"| {title}: client | requests/s | most of it |", "| --- | --- | --- |"]
    for client, rate in sorted(observation.requests_per_second().items(), key=lambda item: -item[1]):
        own = sorted(((count, verb, what) for (who, verb, what), count in observation.requests.items() if who == client), reverse=True)
        most = ", ".join(f"{verb} {what} {count / observation.seconds:.2g}" for count, verb, what in own[:3])
        rows.append(f"| {client} | {rate:.2f} | {most} |")
    return "\n".join(rows)


def format_growth(measured: Measured) -> str:
    """What one Function costs until it is Ready: CPU and requests by process, as a Markdown table."""
    rows = ["| for each Function applied | CPU, ms | requests |", "| --- | --- | --- |"]
    added, _, cost = measured.growths[-1]
    requests = by_client(Counter(cost.requests))
    names = {role: f"lambent-{role}" for role in ROLES}
    for process, percent in sorted(cost.cpu_percent.items(), key=lambda item: -item[1]):
        asked = requests.pop(names.get(process, process), 0)
        rows.append(f"| {process} | {percent * cost.seconds * 10.0 / added:.1f} | {asked / added:.1f} |")
    rows += [f"| {client} | | {count / added:.1f} |" for client, count in requests.most_common() if count / added >= 0.05]
    rows.append(f"| everything else on the machine | {cost.elsewhere_percent * cost.seconds * 10.0 / added:.1f} | |")
    return "\n".join(rows)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def document(measured: Measured, lines: dict[str, Line]) -> dict[str, Any]:
    """Everything, for other tools."""
    shown: Callable[[Observation], dict[str, Any]] = lambda each: {  # noqa: E731 - used twice, here
        "functions": each.functions,
        "seconds": each.seconds,
        "residentMiB": {name: usage.resident_mib for name, usage in each.usage.items()},
        "proportionalMiB": {name: usage.proportional_mib for name, usage in each.usage.items()},
        "peakMiB": {name: usage.peak_mib for name, usage in each.usage.items()},
        "cpuPercent": dict(each.cpu_percent),
        "requestsPerSecond": dict(each.requests_per_second()),
        "etcdMiB": each.etcd_mib,
        "elsewherePercent": each.elsewhere_percent,
    }
    return {
        "functions": measured.plan.functions,
        "active": measured.plan.active,
        "nodes": measured.plan.nodes,
        "results": [vars(each) for each in results_of(measured)],
        "slopes": {name: {"base": line.base, "slope": line.slope} for name, line in lines.items()},
        "atRest": [shown(each) for each in measured.at_rest],
        "atWork": shown(measured.at_work) if measured.at_work else None,
        "growths": [
            {"functions": count, "applied": growth.applied_seconds, "ready": growth.ready_seconds} for count, growth, _ in measured.growths
        ],
    }
