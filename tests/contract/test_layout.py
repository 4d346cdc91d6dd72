"""The starred house rules of DESIGN.md: who may import what, what may decide, how large files are and how they are named."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
OPERATOR = CHECKOUT / "operator"
LAMBENT = OPERATOR / "lambent"
SHIM = CHECKOUT / "runtime-images" / "shim"
BOOTSTRAP = CHECKOUT / "runtime-images" / "python"
ROLES = ("controller", "activator", "autoscaler", "dispatcher")
SHARED = ("api", "kube", "tasks", "telemetry", "settings")

DECISIONS = (
    "activator/admission",
    "activator/gateway/log_quota.py",
    "activator/pool/adoption.py",
    "activator/links/initialization.py",
    "activator/links/became.py",
    "activator/pool/blueprint.py",
    "activator/pool/gates.py",
    "activator/gateway/proxies.py",
    "activator/routing",
    "activator/events",
    "activator/links/start_parts.py",
    "activator/trace.py",
    "autoscaler/functions/decision.py",
    "autoscaler/functions/fleet.py",
    "autoscaler/functions/observed.py",
    "autoscaler/pools/fleet.py",
    "autoscaler/pools/refill.py",
    "autoscaler/pools/size.py",
    "autoscaler/pools/views.py",
    "autoscaler/statistics.py",
    "autoscaler/functions/views.py",
    "autoscaler/functions/windows.py",
    "controller/watch/child_news.py",
    "controller/resources/code.py",
    "controller/function/decision.py",
    "controller/function/diagnosis.py",
    "controller/writes/drift.py",
    "controller/watch/function_news.py",
    "controller/resources/labels.py",
    "controller/resources/function.py",
    "controller/writes/kinds.py",
    "controller/writes/plan.py",
    "controller/resources/pod_network.py",
    "controller/resources/pod.py",
    "controller/pool/decision.py",
    "controller/resources/pool_index.py",
    "controller/resources/pool.py",
    "controller/function/resting.py",
    "controller/function/rollout.py",
    "controller/function/status_pace.py",
    "controller/function/status_patch.py",
    "controller/function/status_plan.py",
    "controller/function/step.py",
    "controller/trigger/decision.py",
    "controller/trigger/index.py",
    "controller/writes/views.py",
    "controller/queue/work_queue.py",
    "kube/backoff.py",
    "kube/lease_decision.py",
    "kube/lines.py",
    "kube/paths.py",
    "api",
)
"""Modules, and folders of them, that decide."""
IMPURE = {"asyncio", "logging", "os", "random", "socket", "threading", "subprocess", "aiohttp", "kubernetes", "kopf", "environ"}
TIME_TOLD_BY_NOBODY = {"gmtime", "strftime", "strptime"}
"""What `time` may be imported for: conversions of a time that was passed in."""
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
SPLIT_ABOVE = 500
MEDIAN_BELOW = 150


def python_files(*folders: Path) -> list[Path]:
    found = [path for folder in folders for path in (folder.rglob("*.py") if folder.is_dir() else [folder])]
    return sorted(path for path in found if "__pycache__" not in path.parts and ".venv" not in path.parts)


def decision_modules() -> list[Path]:
    return python_files(*(LAMBENT / name for name in DECISIONS))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all modules that a file imports, wherever in it, those for type checking alone included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who depends on whom"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def clock_readings(tree: ast.Module) -> Iterator[str]:
    """Every `time.anything` that asks a clock, and `datetime.now()` and its like, as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (alias.name for alias in node.names if alias.name not in TIME_TOLD_BY_NOBODY)
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            of_time = owner == "time" and node.attr not in TIME_TOLD_BY_NOBODY
            of_dates = owner.split(".")[-1] in {"datetime", "date"} and node.attr in {"now", "utcnow", "today"}
            if of_time or of_dates:
                yield ast.unparse(node)


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


PRODUCT = python_files(LAMBENT, SHIM, BOOTSTRAP)


def test_the_operator_folder_does_not_shadow_the_standard_library() -> None:
    assert not (OPERATOR / "__init__.py").exists()


@pytest.mark.parametrize("role", [role for role in ROLES if (LAMBENT / role).is_dir()])
def test_roles_never_import_each_other(role: str) -> None:
    others = [f"lambent.{other}" for other in (*ROLES, "dev") if other != role]
    found = [
        (name_of(path), name) for path in python_files(LAMBENT / role) for name in imports(path) if any(is_below(name, o) for o in others)
    ]
    assert found == []


@pytest.mark.parametrize("part", SHARED)
def test_shared_parts_import_no_role(part: str) -> None:
    found = [
        (name_of(path), name)
        for path in python_files(LAMBENT / part)
        for name in imports(path)
        if any(is_below(name, f"lambent.{role}") for role in (*ROLES, "dev"))
    ]
    assert found == []


def test_the_api_is_data_on_the_standard_library_alone() -> None:
    found = [
        (name_of(path), name)
        for path in python_files(LAMBENT / "api")
        for name in imports(path)
        if not is_below(name, "lambent.api") and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert found == []


@pytest.mark.parametrize("name", DECISIONS)
def test_the_list_of_decision_modules_names_what_there_is(name: str) -> None:
    assert python_files(LAMBENT / name), name
    assert (LAMBENT / name).exists()


@pytest.mark.parametrize("path", decision_modules(), ids=name_of)
def test_decisions_know_no_clock_no_event_loop_no_log_and_no_environment(path: Path) -> None:
    assert [name for name in imports(path) if name.split(".")[0] in IMPURE or is_below(name, "lambent.telemetry")] == []
    tree = ast.parse(path.read_text())
    assert list(clock_readings(tree)) == []
    assert [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)] == []


def test_only_kube_imports_the_kubernetes_package() -> None:
    found = {name_of(path) for path in PRODUCT for name in imports(path) if is_below(name, "kubernetes")}
    assert found == {"operator/lambent/kube/access.py"}


def test_only_the_controller_imports_kopf() -> None:
    found = {name_of(path) for path in PRODUCT for name in imports(path) if is_below(name, "kopf")}
    assert all(name.startswith("operator/lambent/controller/") for name in found)
    assert found


def test_only_main_reads_the_environment() -> None:
    found = set()
    for path in python_files(LAMBENT):
        for node in ast.walk(ast.parse(path.read_text())):
            reads = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} and ast.unparse(node.value) == "os"
            brings = isinstance(node, ast.ImportFrom) and node.module == "os" and {a.name for a in node.names} & {"environ", "getenv"}
            if reads or brings:
                found.add(name_of(path))
    assert found == {"operator/lambent/__main__.py"}


@pytest.mark.parametrize("module", ["lambent.activator.app", "lambent.autoscaler.app"])
def test_importing_a_role_on_or_beside_the_hot_path_loads_neither_kopf_nor_kubernetes(module: str) -> None:
    code = f"import sys, {module}; print([name for name in sys.modules if name.partition('.')[0] in ('kopf', 'kubernetes')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=OPERATOR, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tasks_are_started_where_none_of_them_can_end_unseen() -> None:
    """By `lambent.tasks`, or where the one that starts a task awaits it."""
    found = set()
    for path in python_files(LAMBENT):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"create_task", "ensure_future", "TaskGroup"}:
                found.add(str(path.relative_to(LAMBENT)))
    elsewhere = {name for name in found if not name.startswith(("tasks/", "dev/"))}
    assert elsewhere == {
        "__main__.py",
        "activator/cluster/verifier.py",
        "activator/links/session.py",
        "controller/app.py",
        "controller/watch/children.py",
        "controller/queue/workers.py",
        "kube/token_cache.py",
    }


def test_the_bootstrap_imports_the_standard_library_alone() -> None:
    own = {path.name.removesuffix(".py") for path in BOOTSTRAP.iterdir()}
    found = [
        (name_of(path), name)
        for path in python_files(BOOTSTRAP)
        for name in imports(path)
        if name.split(".")[0] not in sys.stdlib_module_names | own
    ]
    assert found == []


def test_the_shim_imports_nothing_of_the_control_plane_nor_of_the_bootstrap() -> None:
    others = {"lambent", "lambent_runtime"}
    found = [(name_of(path), name) for path in python_files(SHIM) for name in imports(path) if name.split(".")[0] in others]
    assert found == []


def test_no_file_or_folder_is_a_drawer() -> None:
    everything = python_files(LAMBENT, SHIM, BOOTSTRAP, CHECKOUT / "cluster", CHECKOUT / "bench", CHECKOUT / "tests")
    parts = {(name_of(path), part) for path in everything for part in (*path.relative_to(CHECKOUT).parts[:-1], path.stem)}
    assert [name for name, part in parts if FORBIDDEN_NAMES & set(part.split("_"))] == []


@pytest.mark.parametrize("folder", [LAMBENT, SHIM, BOOTSTRAP, CHECKOUT / "cluster", CHECKOUT / "bench"], ids=name_of)
def test_files_are_of_a_size_to_be_read(folder: Path) -> None:
    sizes = {name_of(path): path.read_text().count("\n") for path in python_files(folder)}
    assert {name: lines for name, lines in sizes.items() if lines > SPLIT_ABOVE} == {}
    assert statistics.median(sizes.values()) < MEDIAN_BELOW


@pytest.mark.parametrize("path", python_files(LAMBENT, SHIM, BOOTSTRAP), ids=name_of)
def test_a_module_begins_with_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))
