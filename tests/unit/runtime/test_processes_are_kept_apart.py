"""What the function's processes may do with files, as rules of Landlock, and what is left without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lambent_runtime.confinement import _list_rights
from tests.support.bootstrap_driver import RUNTIME_DIR

READ, WRITES = 4, 0b1_1111_1111_0010


def rights(tmp_path: Path, hidden: list[Path], fixed: list[Path]) -> dict[str, int]:
    listed = _list_rights(list(map(str, hidden)), list(map(str, fixed)), WRITES)
    return {path.removeprefix(str(tmp_path)): given for path, given in listed if path.startswith(str(tmp_path))}


def test_what_is_hidden_has_no_rule_and_what_is_fixed_can_be_read(tmp_path: Path) -> None:
    for folder in ("run/secrets/lambent", "run/other", "lib/task"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lib" / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "run")

    assert rights(tmp_path, [tmp_path / "run/secrets/lambent"], [tmp_path / "lib/task"]) == {
        "/run/other": READ | WRITES,
        "/lib/task": READ,
        "/lib/file": READ | 2,
    }


def test_without_anything_closed_one_rule_allows_all() -> None:
    assert list(_list_rights([], [], WRITES)) == [("/", READ | WRITES)]


def test_without_landlock_processes_are_not_dumpable() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(RUNTIME_DIR)!r})
from lambent_runtime import confinement
call = confinement._call
confinement._call = lambda function, *arguments: -1 if arguments[0] == confinement._CREATE_RULESET else call(function, *arguments)
print(confinement.confine([], []))
print(confinement._call(confinement._prctl, 3, 0, 0, 0, 0))  # PR_GET_DUMPABLE
"""
    said = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == ["the kernel offers Landlock in version 0, 2 is needed (Linux 5.19, and a seccomp profile that allows it)", "0"]
