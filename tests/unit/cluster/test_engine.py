"""Which engine is used, and what is said where there is none."""

from pathlib import Path

import pytest

from cluster.engine.engine import Facts, choose, nodes_are_reachable, why_none
from cluster.engine.engine_users import User, all_users, claim, release, staying
from cluster.engine.own_engine import daemon_configuration
from cluster.host.capabilities import SYS_RESOURCE_BIT, has_capability
from cluster.host.processes import ProcessId


def facts(**changes: bool) -> Facts:
    base = {"docker_answers": False, "podman_answers": False, "cluster_in_own": False, "linux": True, "root": True, "debian": True}
    return Facts(**{**base, **changes})


@pytest.mark.parametrize(
    ("seen", "choice"),
    [
        (facts(docker_answers=True), "docker"),
        (facts(docker_answers=True, podman_answers=True), "docker"),
        (facts(podman_answers=True, linux=False, root=False, debian=False), "podman"),
        (facts(), "own"),
        (facts(root=False), "none"),
        (facts(linux=False), "none"),
        (facts(debian=False), "none"),
        (facts(docker_answers=True, cluster_in_own=True), "own"),
    ],
)
def test_the_engine_that_answers_else_one_of_our_own(seen: Facts, choice: str) -> None:
    assert choose(seen) == choice


@pytest.mark.parametrize(
    ("seen", "word"), [(facts(root=False), "root"), (facts(linux=False), "no container engine"), (facts(debian=False), "apt-get")]
)
def test_why_there_is_none(seen: Facts, word: str) -> None:
    assert word in why_none(seen)


@pytest.mark.parametrize(
    ("platform", "info", "reachable"),
    [
        ("linux", "20.10.24 Debian GNU/Linux 12 (bookworm) [name=seccomp]", True),
        ("linux", "28.0.0 Docker Desktop []", False),
        ("linux", "28.0.0 Ubuntu [name=seccomp,profile=builtin name=rootless]", False),
        ("darwin", "28.0.0 Alpine Linux []", False),
    ],
)
def test_whether_nodes_are_reachable_by_address(platform: str, info: str, reachable: bool) -> None:
    assert nodes_are_reachable(platform, info) is reachable


def test_capabilities() -> None:
    assert not has_capability("CapBnd:\t000001fffeffffff\n", SYS_RESOURCE_BIT)
    assert has_capability("CapBnd:\t000001ffffffffff\n", SYS_RESOURCE_BIT)
    assert has_capability("no such line", SYS_RESOURCE_BIT)


def test_the_runc_of_our_own_is_configured_only_where_it_is_needed() -> None:
    assert "runtimes" not in daemon_configuration(Path("/cache/engine"), 1500, None)
    restricted = daemon_configuration(Path("/cache/engine"), 1400, Path("/cache/restricted-runc"))
    assert restricted["default-runtime"] in restricted["runtimes"]
    assert restricted["mtu"] == 1400


def test_the_daemon_shares_nothing_with_the_default_one() -> None:
    configuration = daemon_configuration(Path("/cache/engine"), 1500, None)
    assert configuration["hosts"] == ["unix:///run/lambent/docker.sock"]
    for key in ("exec-root", "pidfile", "data-root"):
        assert not configuration[key].startswith(("/var/run/docker", "/run/docker", "/var/lib/docker"))
    assert configuration["bridge"] != "docker0"


def test_the_engine_stays_for_other_clusters_only(tmp_path: Path) -> None:
    running, ended = ProcessId(1, 1), ProcessId(2, 2)
    users = [
        User("mine", tmp_path),
        User("theirs", tmp_path, ended),
        User("being-made", tmp_path, running),
        User("gone", tmp_path, ended),
        User("orphan", tmp_path / "deleted"),
    ]
    kept = staying(users, "mine", {"mine", "theirs", "orphan"}, lambda process: process == running)
    assert [user.cluster for user in kept] == ["theirs", "being-made"]


def test_claims_are_found_again(tmp_path: Path) -> None:
    user = User("mine", Path("/checkout"), ProcessId(12, 34))
    claim(tmp_path, user)
    assert all_users(tmp_path) == [user]
    release(tmp_path, "mine")
    release(tmp_path, "mine")
    assert all_users(tmp_path) == []
