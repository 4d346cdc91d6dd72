"""Which installed tools suit, and how versions, processes, mounts and mirrors are read."""

import json
from pathlib import Path

import pytest

from cluster import versions
from cluster.existing import front_address
from cluster.host.content import content_key
from cluster.host.debian import sources
from cluster.host.go_build import version_of_go
from cluster.host.leftovers import mount_points_below
from cluster.host.processes import start_time
from cluster.host.tools import suits


def kubectl(version: str) -> str:
    return json.dumps({"clientVersion": {"gitVersion": version}})


@pytest.mark.parametrize(
    ("name", "said", "suitable"),
    [
        ("kubectl", kubectl(versions.KUBERNETES), True),
        ("kubectl", kubectl("v1.33.0"), True),
        ("kubectl", kubectl("v1.35.1-gke.2"), True),
        ("kubectl", kubectl("v1.32.4-dispatcher"), False),
        ("kubectl", "Client Version: v1.34.0", False),
        ("kubectl", "{}", False),
        ("kind", "kind v0.30.0 go1.24 linux/amd64", True),
        ("kind", "kind v0.20.0 go1.20 linux/amd64", False),
        ("helm", "v3.19.0+g1234", True),
        ("helm", "v3.8.1", False),
        ("helm", "v2.17.0", False),
        ("helm", "v4.0.0", False),
        ("helm", "", False),
        ("helm", None, False),
    ],
)
def test_a_tool_suits_by_its_version(name: str, said: str | None, suitable: bool) -> None:
    assert suits(name, said) is suitable


def test_gos_version() -> None:
    assert version_of_go("go version go1.26.8 linux/amd64") == (1, 26)
    assert version_of_go("nothing of the kind") is None


def test_a_process_start_time_is_found_behind_an_odd_name() -> None:
    fields = ["S", *map(str, range(1, 40))]
    assert start_time(f"12 (a ) name) {' '.join(fields)}") == 19


def test_mount_points_innermost_first() -> None:
    lines = ["1 0 8:1 / /", "2 1 8:1 / /run/lambent", r"3 2 0:4 / /run/lambent/a\040b", "4 1 8:1 / /run/lambent-other"]
    assert mount_points_below("\n".join(lines), [Path("/run/lambent")]) == ["/run/lambent/a b", "/run/lambent"]


def test_the_mirror_is_the_one_that_apt_uses() -> None:
    lines = [
        " 500 http://security.example/debian-security bookworm-security/main amd64 Packages",
        " 500 http://mirror.example/debian bookworm/main amd64 Packages",
    ]
    policy = "\n".join(lines)
    assert sources(policy) == "http://mirror.example/debian"
    assert sources("nothing") is None


def test_content_keys_follow_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = content_key(tmp_path)
    assert content_key(tmp_path) == first
    (tmp_path / "a").write_text("2")
    second = content_key(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, content_key(tmp_path)}) == 3
    assert content_key("ab", "c") != content_key("a", "bc")


def test_the_endpoint_of_an_existing_cluster() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    internal = {"status": {"conditions": ready, "addresses": [{"type": "InternalIP", "address": "198.19.128.2"}]}}
    external = {"status": {"conditions": ready, "addresses": [{"type": "ExternalIP", "address": "198.18.0.9"}]}}
    not_ready = {"status": {"conditions": [], "addresses": [{"type": "ExternalIP", "address": "198.18.0.8"}]}}
    assert front_address([internal, not_ready]) == "198.19.128.2"
    assert front_address([internal, external]) == "198.18.0.9"
    assert front_address([not_ready]) is None
