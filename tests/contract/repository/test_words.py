"""Words that a reader would have to learn here alone are retired; docs/glossary.md has the field's. Parts are listed as they are done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.schemas import CHECKOUT

RETIRED = (
    *("desk", "door", "doors", "crew", "lineage", "keeper", "ghost", "ghosts", "calm", "fertile", "bury", "buried"),
    *("rehearse", "rehearsal", "tally", "switchboard", "surroundings", "manner", "spoiled"),
)
DONE = (
    *(f"operator/lambent/{part}" for part in ("api", "autoscaler", "controller", "dev", "kube", "settings", "tasks", "telemetry")),
    *("bench", "charts", "cluster", "crds", "docs", "README.md", "CONTRIBUTING.md"),
)
"""Not yet: the activator, the shim, the bootstrap and the tests."""
WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(RETIRED)})(?![a-z])")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
TEXTS = {".py", ".md", ".yaml", ".tpl", ".json", ".txt", ".svg"}
XRAY = "`Lineage`"
"""A field of AWS X-Ray's trace header."""


def find_retired(text: str) -> list[str]:
    """Return the retired words of a text, those in names of any style too."""
    return WORD.findall(CAMEL.sub("_", text.replace(XRAY, "")).lower())


def texts_of(part: str) -> list[Path]:
    path = CHECKOUT / part
    found = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in TEXTS and each.is_file())
    return [each for each in found if not {"__pycache__", "out"} & set(each.parts)]


@pytest.mark.parametrize("part", DONE)
def test_no_word_of_our_own_is_used(part: str) -> None:
    texts = texts_of(part)
    assert texts
    used = {str(path.relative_to(CHECKOUT)): words for path in texts if (words := find_retired(path.read_text(encoding="utf-8")))}
    assert used == {}


@pytest.mark.parametrize("text", ["the pool's desk", "PoolKeeper", "front_door", "_calm_at", "Surroundings", "# buried"])
def test_words_are_found_in_names_of_any_style(text: str) -> None:
    assert find_retired(text)


@pytest.mark.parametrize("text", ["X-Amzn-Trace-Id has `Lineage`", "outdoor", "recalmed", "housekeepers"])
def test_other_words_are_not(text: str) -> None:
    assert not find_retired(text)
