"""What activators push, pure: JSON to data, with errors that name the field (docs/decisions/0002, "Statistics")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from lambent.api.fields import Fields, InvalidSpecError

_LONGEST_INTERVAL_SECONDS: Final = 60.0
_MOST_CONCURRENCY: Final = 1e9
_MOST_COUNT: Final = 1 << 53


class FunctionKey(NamedTuple):
    """Which Function."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Report:
    """One activator on one function: mean concurrency (running and queued) over the push's interval; the rest as of its end."""

    key: FunctionKey
    concurrency: float
    queued: int
    requests: int
    ready: int
    starts: int = 0
    """Pods wanted since the last push, of a pool or of the Deployment."""


@dataclass(frozen=True, slots=True)
class Push:
    """One activator on all its active functions: what is not listed is idle there."""

    activator: str
    sequence: int
    interval_seconds: float
    reports: tuple[Report, ...]


def parse_push(body: object) -> Push:
    """Raises InvalidSpecError naming the field, its value and what is allowed."""
    push = Fields("", body if body is not None else "null")
    interval = push.number("intervalSeconds", 0.2, 0.0, _LONGEST_INTERVAL_SECONDS)
    reports = tuple(_parse_report(fields) for fields in push.objects("functions"))
    if not push.has("sequence"):
        raise InvalidSpecError("sequence", None, "a whole number from 0")
    return Push(push.required("activator"), push.integer("sequence", 0, 0, _MOST_COUNT), interval, reports)


def _parse_report(fields: Fields) -> Report:
    return Report(
        key=FunctionKey(fields.required("namespace"), fields.required("name")),
        concurrency=fields.number("concurrency", 0.0, 0.0, _MOST_CONCURRENCY),
        queued=fields.integer("queued", 0, 0, _MOST_COUNT),
        requests=fields.integer("requests", 0, 0, _MOST_COUNT),
        ready=fields.integer("ready", 0, 0, _MOST_COUNT),
        starts=fields.integer("starts", 0, 0, _MOST_COUNT),
    )
