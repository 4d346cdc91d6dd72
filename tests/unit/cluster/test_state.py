"""What `up` does about what it finds, after a good run, a crash or a stranger's cluster."""

from pathlib import Path
from typing import Any

import pytest

from cluster import state
from cluster.product_images import changed
from cluster.settings import read
from cluster.state import State, decide

UP = {"c-control-plane": True}
CREATED = State("c", "docker", own_engine=True, phase="created", shape="s")
CREATING = State("c", "docker", own_engine=True, phase="creating", shape="s")


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({"containers": {}}, "create"),
        ({"containers": {}, "state": None}, "create"),
        ({}, "keep"),
        ({"containers": {"c-control-plane": False}}, "start"),
        ({"state": CREATING}, "recreate"),
        ({"shape": "other"}, "recreate"),
        ({"nodes": 3}, "recreate"),
        ({"state": None}, "recreate"),
        ({"state": None, "claimed": False}, "refuse"),
        ({"state": State("other", "docker", own_engine=False, phase="created", shape="s"), "claimed": False}, "refuse"),
    ],
)
def test_decisions(changes: dict[str, Any], action: str) -> None:
    seen: dict[str, Any] = {"state": CREATED, "shape": "s", "containers": UP, "claimed": True, "nodes": 1, **changes}
    found = seen.pop("state")
    assert decide(found, cluster="c", **seen) == action


def test_state_is_read_as_written(tmp_path: Path) -> None:
    settings = read({"HOME": "/h"}, tmp_path)
    assert state.read(settings) is None
    state.write(settings, CREATED)
    assert state.read(settings) == CREATED
    state.forget(settings)
    assert state.read(settings) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cluster": "c"}'])
def test_a_broken_state_file_is_no_state(tmp_path: Path, content: str) -> None:
    settings = read({"HOME": "/h"}, tmp_path)
    settings.folder.mkdir()
    (settings.folder / "state.json").write_text(content)
    assert state.read(settings) is None


@pytest.mark.parametrize(("environ", "nodes"), [({}, 3), ({"NODES": "1"}, 1), ({"NODES": "5"}, 5)])
def test_a_cluster_keeps_its_nodes_where_nobody_says_how_many(tmp_path: Path, environ: dict[str, str], nodes: int) -> None:
    settings = read({"HOME": "/h", **environ}, tmp_path)
    there = State("c", "docker", own_engine=True, phase="created", shape="s", nodes=3)
    assert state.settle(settings, there).nodes == nodes
    assert state.settle(settings, None).nodes == settings.nodes


def test_only_changed_images_are_loaded() -> None:
    assert changed({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ["b", "c"]
