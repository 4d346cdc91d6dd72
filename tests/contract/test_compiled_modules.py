"""What the images compile to C (docs/decisions/0005)."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILED = [
    (project.parent, module)
    for project in (ROOT / "operator/pyproject.toml", ROOT / "runtime-images/shim/pyproject.toml")
    for module in tomllib.loads(project.read_text())["tool"]["lambent"]["compiled"]
]


@pytest.mark.parametrize(("project", "module"), COMPILED)
def test_no_compiled_module_has_a_coroutine(project: Path, module: str) -> None:
    tree = ast.parse((project / module).read_text())
    assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]


def test_each_is_named_once() -> None:
    assert len(set(COMPILED)) == len(COMPILED)
