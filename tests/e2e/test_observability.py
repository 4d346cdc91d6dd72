"""Logs that people know from Lambda, metrics that Prometheus reads."""

import re
from collections import defaultdict

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.framework.control_plane import ROLES, ControlPlane
from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

TALKING = """
import logging
import sys

logging.getLogger().setLevel("INFO")

def handler(event, context):
    print("to stdout:", event["word"])
    print("to stderr:", event["word"], file=sys.stderr)
    logging.info("logged: %s", event["word"])
    return context.aws_request_id
"""


def test_each_invocation_has_its_lines_in_the_pods_log(workspace: Workspace) -> None:
    workspace.deploy(function("talking", TALKING))
    request_id = workspace.result("talking", {"word": "lantern"})

    def lines() -> list[str]:
        found = [line for line in workspace.logs("talking").splitlines() if request_id in line or "lantern" in line]
        assert any(line.startswith("REPORT") for line in found), found
        return found

    found = "\n".join(wait_for(lines, "the REPORT line"))
    assert f"START RequestId: {request_id}" in found
    assert f"END RequestId: {request_id}" in found
    assert "to stdout: lantern" in found
    assert "to stderr: lantern" in found
    assert "logged: lantern" in found
    assert re.search(rf"REPORT RequestId: {request_id}\s+Duration: [\d.]+ ms\s+Billed Duration: \d+ ms\s+Memory Size: 128 MB", found)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_exposes_metrics(control_plane: ControlPlane, role: str) -> None:
    for pod in control_plane.pods(role):
        text = control_plane.scrape("lambent-system", pod["metadata"]["name"], 9090)
        families = {family.name for family in text_string_to_metric_families(text)}
        assert any(name.startswith("lambent_") for name in families), families


def test_invocations_are_counted_by_function_and_outcome(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("counted", "def handler(event, context):\n    return 1 / event['by']"))
    for by in (1, 2, 0):
        workspace.invoke("counted", {"by": by})

    def counts() -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for sample in control_plane.samples("activator", "lambent_invocations_total", namespace=workspace.namespace, function="counted"):
            found[sample.labels["outcome"]] += sample.value
        return dict(found)

    wait_for(lambda: counts() == {"success": 2, "function_error": 1}, "both outcomes counted")
