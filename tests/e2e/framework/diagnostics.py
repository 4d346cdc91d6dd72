"""What a person needs to see when an end-to-end test fails."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.framework.kube_api import ApiError, KubeApi
from tests.e2e.framework.workspace import SYSTEM


def describe(api: KubeApi, namespace: str) -> str:
    """Functions, triggers, pods, events and logs of a namespace, and the control plane's pods and last log lines."""
    parts = [_section(f"functions of {namespace}", _functions(api, namespace))]
    for where, tail in ((namespace, 60), (SYSTEM, 40)):
        parts += [_section(f"pods of {where}", _pods(api, where)), _section(f"events of {where}", _events(api, where))]
        parts += [_section(f"log of {where}/{name}", log) for name, log in _logs(api, where, tail)]
    return "\n".join(parts)


def _section(title: str, text: str) -> str:
    return f"--- {title} ---\n{text or '(none)'}"


def _listed(api: KubeApi, kind: str, namespace: str) -> list[dict[str, Any]]:
    try:
        return api.list(kind, namespace)
    except (ApiError, OSError) as error:
        return [{"metadata": {"name": f"(cannot list: {error})"}}]


def _functions(api: KubeApi, namespace: str) -> str:
    lines = [
        f"{item.get('kind', 'Function')} {item['metadata']['name']} generation {item['metadata'].get('generation')}: "
        f"{json.dumps(item.get('status', {}), indent=1)}"
        for item in _listed(api, "Function", namespace) + _listed(api, "Trigger", namespace)
    ]
    lines += [
        f"deployment {item['metadata']['name']}: replicas {item.get('spec', {}).get('replicas')}, {json.dumps(item.get('status', {}))}"
        for item in _listed(api, "Deployment", namespace)
    ]
    return "\n".join(lines)


def _pods(api: KubeApi, namespace: str) -> str:
    lines = []
    for pod in _listed(api, "Pod", namespace):
        status = pod.get("status", {})
        states = [
            f"{item['name']}: {json.dumps(item['state'])}, restarts {item['restartCount']}" for item in status.get("containerStatuses", [])
        ]
        ending = " (ending)" if "deletionTimestamp" in pod["metadata"] else ""
        lines.append(f"{pod['metadata']['name']}{ending} {status.get('phase')} {status.get('message', '')} {'; '.join(states)}")
    return "\n".join(lines)


def _events(api: KubeApi, namespace: str) -> str:
    events = sorted(_listed(api, "Event", namespace), key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return "\n".join(
        f"{event.get('lastTimestamp') or event.get('eventTime')} {event.get('type')} {event.get('reason')} "
        f"{event.get('involvedObject', {}).get('kind')}/{event.get('involvedObject', {}).get('name')}: {event.get('message')}"
        for event in events[-40:]
    )


def _logs(api: KubeApi, namespace: str, tail: int) -> list[tuple[str, str]]:
    found = []
    for pod in _listed(api, "Pod", namespace):
        name = pod["metadata"]["name"]
        found.append((name, api.logs(namespace, name, tail=tail)))
        if any(status.get("restartCount") for status in pod.get("status", {}).get("containerStatuses", [])):
            found.append((f"{name} (before its restart)", api.logs(namespace, name, tail=tail, previous=True)))
    return found
