"""What a machine can check of docstrings: they begin with a sentence, whose first word is no pronoun. Parts are listed as they are done."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.schemas import CHECKOUT

PRONOUNS = {"it", "its", "whose", "who", "of", "those", "that", "this", "these", "they"}
DONE = (
    *(f"operator/lambent/{part}" for part in ("api", "autoscaler", "controller", "dev", "kube", "settings", "tasks", "telemetry")),
    *("runtime-images/python/lambent_runtime", "bench", "cluster"),
)
"""Not yet: the activator and the shim."""
Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_parts(tree: ast.Module) -> Iterator[Documented]:
    """Yield public classes, and public functions of modules and of public classes."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield node
                if isinstance(node, ast.ClassDef):
                    waiting.append(node)


def find_faults(source: str) -> list[str]:
    """Return what is wrong with the docstrings of a module, by name."""
    faults = []
    for node in public_parts(ast.parse(source)):
        text = ast.get_docstring(node)
        if text is None:
            continue  # ruff asks for one, where there must be one
        first = re.search(r"[\w']+", text)
        if first is not None and first[0].lower() in PRONOUNS:
            faults.append(f"{node.name}: begins with {first[0]}")
        if text.partition("\n\n")[0].rstrip()[-1:] not in tuple(".:!?`)"):
            faults.append(f"{node.name}: ends in the middle of a sentence")
    return faults


@pytest.mark.parametrize("part", DONE)
def test_docstrings_begin_with_a_sentence_that_names_its_subject(part: str) -> None:
    modules = [path for path in sorted((CHECKOUT / part).rglob("*.py")) if "out" not in path.parts]
    assert modules
    found = {str(path.relative_to(CHECKOUT)): faults for path in modules if (faults := find_faults(read(path)))}
    assert found == {}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "docstring", ['"""Its path."""', '"""Whose it is. Raises `Error`."""', '"""Return the path of the"""', '"""`It` goes on."""']
)
def test_faults_are_found(docstring: str) -> None:
    assert find_faults(f"def path():\n    {docstring}\n")


def test_what_is_private_is_not_asked_for_one() -> None:
    assert not find_faults("def _path():\n    return 1\nclass _Inner:\n    def path(self):\n        return 1\n")
