"""How long bringing everything up took, kept in the cache for `make bench` to report."""

from dataclasses import dataclass
from pathlib import Path

from cluster.host import json_file
from cluster.settings import Settings


@dataclass(frozen=True)
class Times:
    """Seconds of the latest run that made a cluster; None where there was no such run."""

    built_seconds: float | None
    from_nothing_seconds: float | None


def _file(settings: Settings) -> Path:
    return settings.cache / "times.json"


def read(settings: Settings) -> Times:
    """What is known on this machine."""
    content = json_file.read(_file(settings)) or {}
    return Times(content.get("builtSeconds"), content.get("fromNothingSeconds"))


def record(settings: Settings, seconds: float, *, from_nothing: bool) -> None:
    """Keep the time of a run that made a cluster."""
    content = json_file.read(_file(settings)) or {}
    content["fromNothingSeconds" if from_nothing else "builtSeconds"] = round(seconds, 1)
    json_file.write(_file(settings), content)
