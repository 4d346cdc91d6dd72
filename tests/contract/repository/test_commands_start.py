"""What the Makefile starts, and what the benches start as processes of their own, starts from a clean environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]


def started_modules() -> list[str]:
    """Modules of this checkout that a command of the Makefile runs by `python -m`, and load generators."""
    makefile = (CHECKOUT / "Makefile").read_text()
    named = re.findall(r"-m ((?:bench|tests)[\w.]*)", makefile)
    for path in sorted((CHECKOUT / "bench").rglob("*.py")):
        named += re.findall(r'start_load\("([\w.]+)"', path.read_text())
    return sorted(set(named))


def test_the_benches_and_the_faults_are_among_them() -> None:
    assert {"bench", "bench.scale", "bench.tenant", "tests.e2e.faults"} <= set(started_modules())


@pytest.mark.parametrize("module", started_modules())
def test_a_command_finds_all_that_it_imports(module: str) -> None:
    code = f"import runpy; runpy.run_module({module!r}, run_name='imported')"
    if (CHECKOUT / Path(*module.split(".")) / "__main__.py").exists():
        code = f"import runpy; runpy.run_module({module + '.__main__'!r}, run_name='imported')"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
