"""How a kind cluster is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import settings as reading
from cluster.engine.engine import Engine
from cluster.errors import ClusterError
from cluster.kind.kind import Kind


def kind_that_fails(folder: Path, times: int) -> Kind:
    """A `kind` that can't delete so many times; each time adds a line to `asked`."""
    program = folder / "kind"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n[ $(wc -l < {folder}/asked) -gt {times} ]\n')
    program.chmod(0o755)
    return Kind(reading.read({"HOME": str(folder)}, folder), Engine("docker", "docker"), {"kind": program})


def test_nodes_that_a_busy_engine_is_still_ending_are_deleted_in_the_end(tmp_path: Path) -> None:
    kind_that_fails(tmp_path, 2).delete()

    assert len((tmp_path / "asked").read_text().splitlines()) == 3


def test_an_engine_that_cannot_delete_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError):
        kind_that_fails(tmp_path, 100).delete()
