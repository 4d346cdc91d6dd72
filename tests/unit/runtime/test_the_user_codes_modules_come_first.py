from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

from lambent_runtime.forking import Footprint
from lambent_runtime.loader import is_coroutine_handler
from lambent_runtime.paths import build_search_path, find_shadowed
from lambent_runtime.sharing import explain_unforkable


def test_the_search_path_is_lambdas() -> None:
    library = [f"{sys.base_prefix}/lib/python3.11", f"{sys.base_prefix}/lib/python3.11/site-packages"]
    path = build_search_path("/var/task", "/opt", "/var/runtime", ["/mine", "/var/runtime", *library])
    assert path == ["/var/task", "/opt/python/lib/python3.11/site-packages", "/opt/python", "/mine", "/var/runtime", *library]


def test_loaded_modules_that_the_user_code_replaces_are_forgotten_unless_lambda_too_had_loaded_them(tmp_path: Path) -> None:
    for name in ("socket.py", "json.py", "sys.py", "readme.md"):
        (tmp_path / name).touch()
    (tmp_path / "email").mkdir()
    loaded = ["socket", "json", "json.decoder", "sys", "email", "email.message", "re"]
    assert find_shadowed(loaded, str(tmp_path)) == ["socket", "email", "email.message"]
    assert find_shadowed(loaded, str(tmp_path / "absent")) == []


FEW = frozenset({("0", "/dev/null"), ("3", "socket:[1]")})


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (Footprint(1, False, FEW), ""),
        (Footprint(1, False, FEW | {("4", "/dev/urandom")}), ""),
        (Footprint(2, False, FEW), "2 threads run"),
        (Footprint(1, True, FEW), "it has child processes"),
        (Footprint(1, False, FEW | {("4", "socket:[2]")}), "it opened socket:[2]"),
        (Footprint(1, False, FEW | {("4", "/tmp/x.db")}), "it opened /tmp/x.db"),
    ],
)
def test_a_process_is_forked_only_when_nothing_would_be_shared_or_lost(after: Footprint, why: str) -> None:
    assert explain_unforkable(Footprint(1, False, FEW), after) == why


async def coroutine(event: object, context: object) -> None: ...


def plain(event: object, context: object) -> None: ...


class AsyncCallable:
    async def __call__(self, event: object, context: object) -> None: ...


class PlainCallable:
    def __call__(self, event: object, context: object) -> None: ...


def test_what_gives_a_coroutine_is_told_from_what_does_not() -> None:
    assert all(map(is_coroutine_handler, (coroutine, functools.partial(coroutine, 1), AsyncCallable(), AsyncCallable().__call__)))
    assert not any(map(is_coroutine_handler, (plain, functools.partial(plain, 1), PlainCallable(), PlainCallable, lambda e, c: e, 5)))
