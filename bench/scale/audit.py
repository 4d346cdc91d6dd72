"""Who asked the API server for what, out of its audit log. Pure but for reading the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_ACCOUNT = "system:serviceaccount:"


class AuditLog:
    """Read in steps: each call gives what has been written since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def skip(self) -> None:
        """Forget what has been written so far."""
        self._offset = self._path.stat().st_size if self._path.exists() else 0

    def read(self) -> Counter[tuple[str, str, str]]:
        """Requests since the last call by (client, verb, resource); lines that are not whole yet are left for the next time."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.readlines()
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        self._offset += sum(map(len, lines))
        return count_requests(json.loads(line) for line in lines)


def count_requests(events: Iterable[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    """Requests by (client, verb, resource). A watch counts when it begins: its end is no request."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        verb = event.get("verb", "")
        if (event.get("stage") == "ResponseComplete") == (verb == "watch"):
            continue
        reference = event.get("objectRef") or {}
        resource = "/".join(part for part in (reference.get("resource"), reference.get("subresource")) if part)
        counts[client_of(event), verb, resource or str(event.get("requestURI", "")).partition("?")[0]] += 1
    return counts


def client_of(event: dict[str, Any]) -> str:
    """A short name: `lambent-controller` of a service account, `deployment-controller` of a part of the controller manager."""
    user = str((event.get("user") or {}).get("username", ""))
    return user.rpartition(":")[2] if user.startswith((_ACCOUNT, "system:")) else user


def by_client(counts: Counter[tuple[str, str, str]]) -> Counter[str]:
    """The same, added up by client."""
    sums: Counter[str] = Counter()
    for (client, _, _), count in counts.items():
        sums[client] += count
    return sums
