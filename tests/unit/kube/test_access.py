"""Which cluster a process means, and how it proves itself there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lambent.kube.access import ClusterAccess, NoClusterError, NoCredentials, find_access, kubeconfig_access
from lambent.kube.client import KubeClient


def a_kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001/"} | cluster}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }
    (folder / "config").write_text(json.dumps(config))
    return folder / "config"


def test_a_kubeconfig_that_is_named_comes_first(tmp_path: Path) -> None:
    path = a_kubeconfig(tmp_path, {})
    assert find_access({"KUBECONFIG": str(path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == ("", path)


@pytest.mark.parametrize(
    ("environ", "server"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "https://10.0.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://10.0.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBECONFIG": ""}, "https://[fd00::1]:443"),
    ],
)
def test_a_pod_means_its_own_cluster(environ: dict[str, str], server: str) -> None:
    assert find_access(environ) == (server, None)


def test_a_person_means_the_kubeconfig_at_home(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    path = a_kubeconfig(tmp_path / ".kube", {})
    assert find_access({"HOME": str(tmp_path)}) == ("", path)


@pytest.mark.parametrize("environ", [{}, {"HOME": "/nowhere"}, {"KUBECONFIG": "", "HOME": ""}])
def test_without_any_the_error_says_what_was_looked_for(environ: dict[str, str]) -> None:
    with pytest.raises(NoClusterError, match="neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set"):
        KubeClient.from_environment(environ)


def test_a_kubeconfig_that_is_not_there_is_named() -> None:
    with pytest.raises(NoClusterError, match="KUBECONFIG: '/nowhere/config' is not a file"):
        find_access({"KUBECONFIG": "/nowhere/config"})


def test_a_pod_without_a_service_account_is_an_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        KubeClient.from_environment({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_a_kubeconfigs_token_is_used_and_asked_for_anew_when_it_has_expired(tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "token").write_text("one")
        access = await kubeconfig_access(a_kubeconfig(tmp_path, {"tokenFile": str(tmp_path / "token")}))
        assert await access.credentials.header() == "Bearer one"
        (tmp_path / "token").write_text("two")
        assert await access.credentials.header() == "Bearer one"
        access.credentials.expire()
        assert await access.credentials.header() == "Bearer two"

    asyncio.run(run())


def test_plain_http_without_credentials_is_a_proxy(tmp_path: Path) -> None:
    access = asyncio.run(kubeconfig_access(a_kubeconfig(tmp_path, {})))
    assert access == ClusterAccess("http://127.0.0.1:8001", NoCredentials(), None, None)


def test_tls_is_verified_unless_the_kubeconfig_says_otherwise(tmp_path: Path) -> None:
    strict = asyncio.run(kubeconfig_access(a_kubeconfig(tmp_path, {}, server="https://example.com")))
    assert strict.ssl is not None
    assert strict.ssl.check_hostname
    lax = asyncio.run(kubeconfig_access(a_kubeconfig(tmp_path, {}, server="https://example.com", **{"insecure-skip-tls-verify": True})))
    assert lax.ssl is not None
    assert not lax.ssl.check_hostname
    named = asyncio.run(kubeconfig_access(a_kubeconfig(tmp_path, {}, server="https://10.0.0.1", **{"tls-server-name": "api"})))
    assert named.server_hostname == "api"


@pytest.mark.parametrize("text", ["{}", "{current-context: gone, contexts: [], clusters: [], users: []}"])
def test_a_kubeconfig_that_cannot_be_used_says_why(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(NoClusterError, match="kubeconfig"):
        asyncio.run(kubeconfig_access(tmp_path / "config"))
