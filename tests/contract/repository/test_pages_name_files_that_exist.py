"""Files of the repository that a page names are there, and its tables are tables."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = {"docs/security.md": "tests/", "docs/operations.md": ""}
"""Pages that say which test shows something; for each, the folder below which its paths are."""
OF_USERS = {"package/module.py", "uuid.py", "app.py", "lib/more.py"}
"""Files that stand for a user's."""


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:[a-z0-9_]+/)+test_[a-z0-9_]+\.py)`", (ROOT / page).read_text())

    assert len(named) > 10
    assert [path for path in named if not (ROOT / PAGES[page] / path).is_file()] == []


@pytest.mark.parametrize("page", [name for name in files() if name.endswith(".md") and name != "CHANGELOG.md"])
def test_modules_that_a_page_names_exist(page: str) -> None:
    named = set(re.findall(r"`([\w/.-]+\.py)`", (ROOT / page).read_text())) - OF_USERS
    there = files()

    assert sorted(name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)) == []


@pytest.mark.parametrize("page", [name for name in files() if name.endswith(".md")])
def test_tables_have_as_many_dashes_as_columns(page: str) -> None:
    lines = (ROOT / page).read_text().splitlines()
    heads = {lines[number - 1]: line for number, line in enumerate(lines) if re.fullmatch(r"\|( ?:?-+:? ?\|)+", line)}

    assert {head: dashes for head, dashes in heads.items() if len(re.findall(r"(?<!\\)\|", head)) != dashes.count("|")} == {}
