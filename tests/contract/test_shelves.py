"""How modules are grouped: no folder is so full that nobody reads it at a glance, and inside each part imports go one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES_IN_A_FOLDER = 14
PARTS = {
    "lambent.activator": CHECKOUT / "operator",
    "lambent.controller": CHECKOUT / "operator",
    "lambent.autoscaler": CHECKOUT / "operator",
    "lambent.api": CHECKOUT / "operator",
    "lambent.kube": CHECKOUT / "operator",
    "lambent.telemetry": CHECKOUT / "operator",
    "lambent.settings": CHECKOUT / "operator",
    "lambent_shim": CHECKOUT / "runtime-images" / "shim",
    "cluster": CHECKOUT,
}
ORDER = {
    "lambent.activator": ("cluster", "catalog", "links", "gateway", "front", "lambda_api", "events", "routing", "pool", "admission"),
    "lambent.controller": ("watch", "trigger", "pool", "function", "writes", "resources", "queue"),
    "lambent.autoscaler": ("pools", "functions"),
    "lambent.api": ("triggers", "functions"),
    "lambent_shim": ("link", "workers", "limits", "telemetry"),
    "cluster": ("vm", "kind", "engine", "host"),
}
"""The folders of each part: one imports only those that stand after it."""


def modules(part: str) -> list[Path]:
    folder = PARTS[part].joinpath(*part.split("."))
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def folder_of(part: str, name: str) -> str | None:
    """The folder of a part that a dotted name is in; None outside of it, or at its top."""
    parts = name.removeprefix(part + ".").split(".")
    return parts[0] if name.startswith(part + ".") and parts[0] in ORDER[part] else None


@pytest.mark.parametrize("part", PARTS)
def test_no_folder_has_more_modules_than_are_read_at_a_glance(part: str) -> None:
    counts: dict[Path, int] = {}
    for path in modules(part):
        if not path.name.startswith("__"):
            counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {str(folder.relative_to(CHECKOUT)): count for folder, count in counts.items() if count > MODULES_IN_A_FOLDER} == {}


@pytest.mark.parametrize("part", ORDER)
def test_every_folder_has_its_place_in_the_order(part: str) -> None:
    top = PARTS[part].joinpath(*part.split("."))
    assert {path.relative_to(top).parts[0] for path in modules(part) if path.parent != top} == set(ORDER[part])


@pytest.mark.parametrize("part", ORDER)
def test_folders_import_only_those_after_them(part: str) -> None:
    order = ORDER[part]
    found = set()
    for path in modules(part):
        here = folder_of(part, ".".join(path.relative_to(PARTS[part]).with_suffix("").parts))
        for name in imported(path):
            there = folder_of(part, name)
            if here is not None and there is not None and order.index(there) < order.index(here):
                found.add((str(path.relative_to(PARTS[part])), name))
    assert sorted(found) == []
