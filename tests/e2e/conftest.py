"""Fixtures of the end-to-end tests, which run on the cluster that `make up` made and on no other.

`.cluster/kubeconfig` and `.cluster/endpoint` in the checkout name it. With a cluster of the user's own (CLUSTER=existing), both
LAMBENT_KUBECONFIG and LAMBENT_ENDPOINT must: a kubeconfig that just happens to be there is never used.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.diagnostics import describe
from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.node import NODES
from tests.e2e.framework.workspace import SYSTEM, Workspace
from tests.support.http_client import HttpClient
from tests.support.waiting import wait_for

CHECKOUT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything below this folder as e2e, and gives each test a limit that a hung cluster cannot pass."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(240))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On failure, shows pods, logs, events and status beside the traceback."""
    report = yield
    workspace = getattr(item, "funcargs", {}).get("workspace")
    if report.failed and call.when == "call" and isinstance(workspace, Workspace):
        report.sections.append(("cluster", describe(workspace.api, workspace.namespace)))
    return report


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The kubeconfig of our cluster."""
    given = os.environ.get("LAMBENT_KUBECONFIG")
    if given:
        return given
    path = CHECKOUT / ".cluster" / "kubeconfig"
    if not path.exists():
        pytest.fail("no cluster: run `make up` first (or name one with LAMBENT_KUBECONFIG and LAMBENT_ENDPOINT)", pytrace=False)
    context = re.search(r"^current-context: *(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if context is None or "lambent" not in context[1]:
        pytest.fail(f"{path} points to {context[1] if context else 'no context'}, not to a cluster of `make up`", pytrace=False)
    return str(path)


@pytest.fixture(scope="session")
def endpoint() -> str:
    """The activators' base URL as reachable from here."""
    given = os.environ.get("LAMBENT_ENDPOINT")
    if given:
        return given
    if "LAMBENT_KUBECONFIG" in os.environ:
        pytest.fail("LAMBENT_KUBECONFIG needs LAMBENT_ENDPOINT beside it: the activators' base URL", pytrace=False)
    return (CHECKOUT / ".cluster" / "endpoint").read_text(encoding="utf-8").strip()


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The kubectl that `make up` brought, else the machine's."""
    own = CHECKOUT / ".cluster" / "bin" / "kubectl"
    found = str(own) if own.exists() else shutil.which("kubectl")
    assert found is not None, "no kubectl"
    return found


@pytest.fixture(scope="session")
def helm() -> str:
    """The helm that `make up` brought, else the machine's."""
    own = CHECKOUT / ".cluster" / "bin" / "helm"
    found = str(own) if own.exists() else shutil.which("helm")
    assert found is not None, "no helm"
    return found


@pytest.fixture(scope="session")
def api(kubectl: str, kubeconfig: str) -> Iterator[KubeApi]:
    """The cluster's API."""
    client = KubeApi(kubectl, kubeconfig)
    yield client
    client.delete("Namespace", None, NODES)
    client.close()


@pytest.fixture(scope="session")
def control_plane(api: KubeApi) -> ControlPlane:
    """The control plane, whole."""
    plane = ControlPlane(api)
    if api.get("Deployment", SYSTEM, "lambent-activator") is None:
        pytest.fail("Lambent is not installed on this cluster: run `make up`", pytrace=False)
    plane.wait_whole()
    return plane


@pytest.fixture(scope="module")
def workspace(request: pytest.FixtureRequest, api: KubeApi, endpoint: str, control_plane: ControlPlane) -> Iterator[Workspace]:
    """A fresh namespace for the module. At its end the custom resources go first, while their controller can see it."""
    name = "e2e-" + request.module.__name__.rsplit(".", 1)[-1].removeprefix("test_").replace("_", "-")
    if api.get("Namespace", None, name) is not None:
        _remove(api, name)
    ensure_namespace(api, name, "restricted", **{"lambent.dev/e2e": "true"})
    yield Workspace(api, HttpClient(endpoint), name, CHECKOUT)
    _remove(api, name)


def _remove(api: KubeApi, name: str) -> None:
    for kind in ("Trigger", "Function"):
        for item in api.list(kind, name):
            api.delete(kind, name, item["metadata"]["name"])
    wait_for(lambda: not api.list("Function", name), f"the functions of {name} to be gone", 60)
    api.delete("Namespace", None, name)
