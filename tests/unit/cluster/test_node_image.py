"""Our own node image: what goes into it."""

import re
from pathlib import Path

import pytest

from cluster.host import go_build
from cluster.kind import node_image

IMAGES = Path(node_image.__file__).parents[1] / "images"


@pytest.mark.parametrize("name", go_build.NODE_PROGRAMS)
def test_every_program_has_its_source_and_its_place_in_an_image(name: str) -> None:
    copied = [line for file in IMAGES.iterdir() for line in re.findall(r"^COPY (.*)$", file.read_text(), re.MULTILINE)]

    assert (go_build.MODULES / name / "main.go").exists()
    assert any(name in line.split() for line in copied)


def test_what_the_policy_agent_calls_is_installed() -> None:
    assert {"iptables", "ipset"} <= set(node_image.PACKAGES)


def test_the_entrypoint_finds_every_file_that_it_reads() -> None:
    entrypoint = (IMAGES.parent / "node" / "entrypoint").read_text()
    dockerfile = (IMAGES / "Dockerfile.node").read_text()
    read = set(re.findall(r"/kind/([a-z-]+(?:\.[a-z]+)?)", entrypoint)) - {"routes"}

    assert {name for name in read if name not in dockerfile} == set()
