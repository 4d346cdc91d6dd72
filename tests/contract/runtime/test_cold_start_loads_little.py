"""What a cold start may import, and when: each of these is milliseconds before the first answer."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lambent_runtime
import lambent_shim

SHIM = str(Path(lambent_shim.__file__).parents[1])
RUNTIME = str(Path(lambent_runtime.__file__).parents[1])


def loaded_by(folder: str, module: str, *, around: str = "") -> set[str]:
    listing = "print(json.dumps([name for name, module in sys.modules.items() if module]))"
    load = f"{around} import {module}".lstrip()
    code = f"import sys; sys.path.insert(0, {folder!r})\n{load}\nimport json; {listing}"
    found = subprocess.run([sys.executable, "-I", "-S", "-c", _with_site(code)], check=True, capture_output=True, text=True)
    return set(json.loads(found.stdout))


def _with_site(code: str) -> str:
    packages = [entry for entry in sys.path if "site-packages" in entry]
    return f"import sys; sys.path += {packages!r}; {code}"


@pytest.mark.parametrize("module", ["asyncio", "uvloop", "picows", "dataclasses", "inspect", "subprocess", "pathlib", "logging", "socket"])
def test_the_prepared_interpreter_starts_before_the_shim_loads(module: str) -> None:
    assert module not in loaded_by(SHIM, "lambent_shim.boot")


@pytest.mark.parametrize(
    "module",
    ["prometheus_client", "aiofastnet", "tempfile", "http.server", "ctypes", "multiprocessing", "ssl", "_ssl", "lambent_shim.pool"],
)
def test_the_shim_loads_nothing_it_may_never_need(module: str) -> None:
    around = "from lambent_shim.without_tls import WithoutTls\nwith WithoutTls():"
    assert module not in loaded_by(SHIM, "lambent_shim.run", around=around)


def test_what_needs_tls_after_the_start_has_it() -> None:
    code = (
        f"import sys; sys.path.insert(0, {SHIM!r})\nfrom lambent_shim.without_tls import WithoutTls\n"
        "with WithoutTls():\n    import asyncio, uvloop, picows\n"
        "import ssl, http.client\nprint(ssl.create_default_context().verify_mode, issubclass(ssl.SSLWantReadError, ssl.SSLError))"
    )
    found = subprocess.run([sys.executable, "-I", "-S", "-c", _with_site(code)], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["2", "True"]


@pytest.mark.parametrize("module", ["asyncio", "inspect", "decimal", "pathlib", "subprocess", "typing_extensions", "ssl", "uuid"])
def test_the_bootstrap_loads_nothing_that_a_plain_handler_does_not_need(module: str) -> None:
    assert module not in loaded_by(RUNTIME, "lambent_runtime.process")


def imports_of(folder: str) -> set[str]:
    found: set[str] = set()
    for path in Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_the_bootstrap_uses_the_standard_library_alone() -> None:
    assert imports_of(RUNTIME) - sys.stdlib_module_names == {"lambent_runtime"}


def test_the_shim_uses_its_own_three_packages_alone() -> None:
    assert imports_of(SHIM) - sys.stdlib_module_names == {"lambent_shim", "picows", "prometheus_client", "uvloop"}


@pytest.mark.parametrize(
    "module",
    [
        "slots",
        "staffing",
        "memory",
        "addresses",
        "failures",
        "report",
        "lines",
        "environment",
        "configuration",
        "wire",
        "frames",
        "become",
        "expansion",
    ],
)
def test_decisions_know_no_clock_no_loop_and_no_environment(module: str) -> None:
    tree = ast.parse((Path(SHIM) / "lambent_shim" / f"{module}.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not names & {"asyncio", "time", "socket", "logging", "random", "threading", "subprocess"}
    assert "os.environ" not in ast.unparse(tree)
