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


AROUND = "from lambent_shim.light_imports import LightImports\nwith LightImports():"


@pytest.mark.parametrize(
    "module",
    [
        *("prometheus_client", "aiofastnet", "tempfile", "http.server", "ctypes", "multiprocessing", "ssl", "_ssl"),
        "lambent_shim.generic_pod",
        *("dataclasses", "_hashlib", "inspect", "ipaddress", "linecache", "pathlib", "platform", "subprocess", "traceback", "tokenize"),
        *("asyncio.sslproto", "datetime", "random"),
    ],
)
def test_the_shim_loads_nothing_it_may_never_need(module: str) -> None:
    assert module not in loaded_by(SHIM, "lambent_shim.run", around=AROUND)


def test_the_shim_closes_itself_to_others_without_ctypes() -> None:
    code = """
from lambent_shim import kernel
kernel.close_to_others()
print("ctypes" in sys.modules)
import ctypes
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE
try:
    kernel._prctl(-1, 0)
except OSError:
    print("refused")
"""
    assert run_after_light_imports(code) == ["False", "0", "refused"]


def run_after_light_imports(code: str) -> list[str]:
    """What code prints that runs once asyncio, uvloop and picows are loaded as the shim loads them."""
    start = f"import sys; sys.path.insert(0, {SHIM!r})\n{AROUND}\n    import asyncio, uvloop, lambent_shim.link.websocket\n"
    command = [sys.executable, "-I", "-S", "-c", _with_site(start + code)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_what_needs_tls_after_the_start_has_it() -> None:
    code = "import ssl, http.client\nprint(ssl.create_default_context().verify_mode, issubclass(ssl.SSLWantReadError, ssl.SSLError))"
    assert run_after_light_imports(code) == ["2", "True"]


def test_whoever_imports_what_was_left_out_has_it_whole() -> None:
    code = (
        "import dataclasses, hashlib, inspect, ipaddress, linecache, pathlib, platform, subprocess, traceback\n"
        "print(all(hasattr(module, '__file__') for module in (dataclasses, hashlib, inspect, pathlib, subprocess, traceback)))\n"
        "print(hashlib.sha256(b'').name, dataclasses.is_dataclass(dataclasses.make_dataclass('A', ['b'])))"
    )
    assert run_after_light_imports(code) == ["True", "sha256", "True"]


@pytest.mark.parametrize("policy", ["asyncio.DefaultEventLoopPolicy()", "uvloop.EventLoopPolicy()"])
def test_what_loaded_without_them_finds_them_when_it_needs_them(policy: str) -> None:
    code = (
        f"asyncio.set_event_loop_policy({policy})"
        """
import sys
class Later:
    def __await__(self):
        return asyncio.sleep(0, "awaited").__await__()
async def main():
    print(await asyncio.ensure_future(Later()))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE)
    print((await child.communicate())[0].decode().strip(), child.returncode)
    print(await asyncio.get_running_loop().run_in_executor(None, lambda: "thread"))
    try:
        asyncio.get_running_loop().add_signal_handler(1, main)
    except TypeError:
        print("refused")
    asyncio.current_task().print_stack(file=sys.stdout)
asyncio.run(main())
from picows.url import parse_url
print(parse_url("ws://[::1]:8081/link").host)
"""
    )
    printed = run_after_light_imports(code)
    assert printed[:5] == ["awaited", "child", "0", "thread", "refused"]
    assert printed[5:7] == ["Stack", "for"]
    assert printed[-1] == "::1"


def test_a_loop_asks_of_a_callable_what_inspect_would_say() -> None:
    code = """
import functools, inspect
from asyncio.coroutines import inspect as held
async def coroutine(): ...
def generator(): yield
class Owner:
    async def method(self): ...
    async def __call__(self): ...
asked = [coroutine, generator, Owner().method, Owner.method, Owner(), Owner, len]
asked += map(functools.partial, [coroutine, generator, Owner().method])
ours, real = held.__dict__["iscoroutinefunction"], inspect.iscoroutinefunction
print(ours is not real, [ours(each) for each in asked] == [real(each) for each in asked])
"""
    assert run_after_light_imports(code) == ["True", "True"]


@pytest.mark.parametrize("module", ["asyncio", "inspect", "decimal", "pathlib", "subprocess", "typing_extensions", "ssl", "uuid"])
def test_the_bootstrap_loads_nothing_that_a_plain_handler_does_not_need(module: str) -> None:
    assert module not in loaded_by(RUNTIME, "lambent_runtime.process")


def imports_of(folder: str) -> set[str]:
    found: set[str] = set()
    for path in Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def test_the_bootstrap_uses_the_standard_library_alone() -> None:
    assert imports_of(RUNTIME) - sys.stdlib_module_names == {"lambent_runtime"}


def test_the_shim_uses_its_own_three_packages_alone() -> None:
    assert imports_of(SHIM) - sys.stdlib_module_names == {"lambent_shim", "picows", "prometheus_client", "uvloop"}


@pytest.mark.parametrize(
    "module",
    [
        "link/slots",
        "workers/worker_count",
        "limits/memory",
        "link/addresses",
        "workers/failures",
        "telemetry/platform_lines",
        "telemetry/lines",
        "environment",
        "configuration",
        "link/wire",
        "workers/frames",
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
