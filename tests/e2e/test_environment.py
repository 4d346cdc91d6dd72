"""What a handler finds around itself is what it finds on Lambda, from a pool pod and in a pod of the function's own."""

from typing import Any

import pytest

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace

CODE = """
import locale, os, random, time, uuid, zoneinfo
ID = str(uuid.uuid4())
print("loading")

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {
        "environment": dict(os.environ), "locale": locale.setlocale(locale.LC_ALL, "en_US.UTF-8"),
        "grouped": locale.format_string("%d", 1234567, grouping=True), "id": ID, "pid": os.getpid(),
        "zone": str(zoneinfo.ZoneInfo("Europe/Vienna")), "home": os.path.expanduser("~"),
    }
"""
OWN = {"nodeSelector": {"kubernetes.io/os": "linux"}}
"""Such a Function takes no pool pod."""


@pytest.mark.parametrize("more", [{}, OWN], ids=["pool pod", "own pod"])
def test_variables_and_locale_are_lambdas(workspace: Workspace, more: dict[str, Any]) -> None:
    env = [{"name": "STAGE", "value": "dev"}, {"name": "PIP_MINE", "value": "kept"}]
    workspace.deploy(function("surroundings", CODE, env=env, **more))
    seen = workspace.result("surroundings")
    environment = seen.pop("environment")
    assert (environment.pop("STAGE"), environment.pop("PIP_MINE")) == ("dev", "kept")
    names = ("PIP_", "KUBERNETES_", "PYTHON_", "GPG_", "LAMBENT_", "DEBIAN_")
    assert not [name for name in environment if name.startswith(names)]
    assert (environment["LANG"], seen["locale"], seen["grouped"]) == ("en_US.UTF-8", "en_US.UTF-8", "1,234,567")
    assert environment["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert (seen["zone"], seen["home"]) == ("Europe/Vienna", "/tmp")


@pytest.mark.parametrize("more", [{}, OWN], ids=["pool pod", "own pod"])
def test_what_the_import_prints_is_in_the_first_log_tail(workspace: Workspace, more: dict[str, Any]) -> None:
    workspace.deploy(function("loading", CODE, scaling={"initialScale": 0}, **more))
    tails = [workspace.invoke("loading", {}, tail=True).log for _ in range(2)]
    assert tails[0].startswith("loading\nSTART RequestId: ")
    assert tails[1].startswith("START RequestId: ")
