"""Which checkouts have a cluster in the engine that we started: it is stopped with the last of them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.host import json_file
from cluster.host.processes import ProcessId


@dataclass(frozen=True)
class User:
    """One checkout's claim on the engine."""

    cluster: str
    checkout: Path
    process: ProcessId | None = None
    """The run that claimed it, which may not have made its cluster yet."""


def claim(folder: Path, user: User) -> None:
    process = dataclasses.asdict(user.process) if user.process else None
    json_file.write(folder / f"{user.cluster}.json", {"cluster": user.cluster, "checkout": str(user.checkout), "process": process})


def release(folder: Path, cluster: str) -> None:
    (folder / f"{cluster}.json").unlink(missing_ok=True)


def all_users(folder: Path) -> list[User]:
    contents = [json_file.read(path) for path in sorted(folder.glob("*.json"))]
    return [_user(content) for content in contents if content]


def _user(content: dict[str, Any]) -> User:
    process = content.get("process")
    return User(str(content["cluster"]), Path(str(content["checkout"])), ProcessId(**process) if process else None)


def staying(users: list[User], leaving: str, existing: set[str], is_alive: Callable[[ProcessId], bool]) -> list[User]:
    """Return what still needs the engine: other clusters that exist, or are being made, and whose checkout exists too.

    A checkout that was deleted with its cluster up can't take it down any more.
    """
    others = [user for user in users if user.cluster != leaving and user.checkout.is_dir()]
    return [user for user in others if user.cluster in existing or (user.process is not None and is_alive(user.process))]
