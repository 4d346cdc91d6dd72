"""What README files tell a user to apply and to send is there, and a folder of examples/ is all manifests for kubectl."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("examples/*/README.md"))
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("charts/*/*.md")])

NAMED = re.compile(r"(?<![\w/.-])((?:examples|charts|docs|operator|runtime-images|tests|crds|cluster|requirements)/[\w./-]*[\w/])")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_kubectl_can_apply_the_folder(folder: Path) -> None:
    read_by_kubectl = [path for path in folder.iterdir() if path.suffix in {".json", ".yaml", ".yml"}]
    documents = [document for path in read_by_kubectl for document in yaml.safe_load_all(path.read_text())]
    assert documents
    assert all({"apiVersion", "kind", "metadata"} <= document.keys() for document in documents)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    named = NAMED.findall(text)
    linked = LINKED.findall(text)
    assert not [path for path in named if not (ROOT / path).exists()]
    assert not [target for target in linked if not (page.parent / target).exists()]
