"""Compiles a project's hot modules to C with mypyc, beside their sources: run while an image is built, never elsewhere.

    python compile_modules.py PYPROJECT

PYPROJECT names the modules in `[tool.lambent] compiled`, as paths relative to the working directory. Why and which:
docs/decisions/0005. The sources stay: tracebacks quote them, and without the compiled ones they are what runs.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup


def main() -> None:
    """Build the extension modules in place."""
    modules = tomllib.loads(Path(sys.argv[1]).read_text())["tool"]["lambent"]["compiled"]
    extensions = mypycify(["--strict", *modules], opt_level="2", debug_level="0")
    for extension in extensions:
        extension.extra_link_args = [*(extension.extra_link_args or []), "-s"]
    setup(name="compiled", ext_modules=extensions, script_args=["--quiet", "build_ext", "--inplace"])


if __name__ == "__main__":
    main()
