"""Which checkouts have a cluster in the engine that we started: it is stopped with the last of them."""

from dataclasses import dataclass
from pathlib import Path

from cluster import json_file


@dataclass(frozen=True)
class User:
    """One checkout's claim on the engine."""

    cluster: str
    checkout: Path


def claim(folder: Path, user: User) -> None:
    json_file.write(folder / f"{user.cluster}.json", {"cluster": user.cluster, "checkout": str(user.checkout)})


def release(folder: Path, cluster: str) -> None:
    (folder / f"{cluster}.json").unlink(missing_ok=True)


def all_users(folder: Path) -> list[User]:
    contents = (json_file.read(path) for path in sorted(folder.glob("*.json")))
    return [User(str(content["cluster"]), Path(str(content["checkout"]))) for content in contents if content]


def staying(users: list[User], leaving: str, existing: set[str]) -> list[User]:
    """Who still needs the engine: other clusters that exist and whose checkout does too.

    A checkout that was deleted with its cluster up can't take it down any more.
    """
    return [user for user in users if user.cluster != leaving and user.cluster in existing and user.checkout.is_dir()]
