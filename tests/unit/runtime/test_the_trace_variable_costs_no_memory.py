"""`_X_AMZN_TRACE_ID` changes with each invocation; run in processes of their own, whose environment is theirs to break."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lambent_runtime

PRELUDE = f"""
import os, subprocess, sys
sys.path.insert(0, {str(Path(lambent_runtime.__file__).parents[1])!r})
from lambent_runtime.trace_variable import NAME, SETENV_TIMES, TraceVariable
variable = TraceVariable()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def child_sees():
    return subprocess.run(["printenv", NAME], capture_output=True, text=True).stdout.rstrip("\\n")
"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", PRELUDE + code], capture_output=True, text=True, check=True).stdout.strip()


def test_many_values_leave_no_memory_behind() -> None:
    grown = run("""
for n in range(1000): variable.set(f"Root=1-{n:040x}")
before = resident()
for n in range(50_000): variable.set(f"Root=1-{n + 5000:040x}")
print(resident() - before)
""")
    assert int(grown) < 500_000  # setenv would keep 5 MB


def test_python_and_child_processes_see_the_last_value() -> None:
    seen = run("""
for n in range(SETENV_TIMES + 3):
    variable.set(f"Root={n}")
    if n >= SETENV_TIMES - 2:
        assert (os.environ[NAME], child_sees()) == (f"Root={n}", f"Root={n}"), n
long = "Root=" + "x" * 5000
variable.set(long)
assert (os.environ[NAME], child_sees()) == (long, long)
variable.set("Root=short")
print(child_sees())
""")
    assert seen == "Root=short"


def test_what_user_code_does_with_it_lasts_until_the_next_invocation() -> None:
    assert (
        run("""
for n in range(SETENV_TIMES + 1): variable.set("Root=ours")
os.environ[NAME] = "theirs"
assert child_sees() == "theirs"
variable.set("Root=next")
assert (os.environ[NAME], child_sees()) == ("Root=next", "Root=next")
del os.environ[NAME]
variable.set("Root=after")
assert child_sees() == "Root=after"
variable.set(None)
assert NAME not in os.environ and child_sees() == ""
variable.set("Root=again")
print(child_sees())
""")
        == "Root=again"
    )


def test_without_ctypes_it_is_set_all_the_same() -> None:
    assert (
        run("""
sys.modules["ctypes"] = None
for n in range(SETENV_TIMES + 5): variable.set(f"Root={n}")
assert child_sees() == f"Root={SETENV_TIMES + 4}"
print("set")
""")
        == "set"
    )
