"""Pages that say which test shows something name tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = {"docs/security.md": "tests/", "docs/operations.md": ""}
"""Page by page, the folder below which its paths are."""


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:[a-z0-9_]+/)+test_[a-z0-9_]+\.py)`", (ROOT / page).read_text())

    assert len(named) > 10
    assert [path for path in named if not (ROOT / PAGES[page] / path).is_file()] == []
