"""Changes that people make on purpose: new revisions one after the other, an upgrade, a scale set by hand."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

from tests.e2e.faults.arena import WARM, Arena, Fault
from tests.e2e.framework.manifests import changed
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

ROLLOUTS: Final = 20
QUICK_ROLLOUTS: Final = 2
WAIT_SECONDS: Final = 180
"""For one of them: each starts four pods beside those that serve."""


def _roll_out(times: int, arena: Arena) -> None:
    workspace = arena.workspace
    for number in range(times):
        found = workspace.function(WARM)
        env = [variable for variable in found["spec"]["env"] if variable["name"] != "NUMBER"]
        spec = changed({"spec": found["spec"]}, env=[*env, {"name": "NUMBER", "value": f"{found['metadata']['generation']}-{number}"}])[
            "spec"
        ]
        manifest = {"apiVersion": found["apiVersion"], "kind": "Function", "metadata": {"name": WARM}, "spec": spec}
        workspace.deploy(manifest, seconds=WAIT_SECONDS)
    wait_for(lambda: _has_rolled(workspace), "the last revision to be alone", WAIT_SECONDS)


def _has_rolled(workspace: Workspace) -> bool:
    deployment = workspace.deployment(WARM)
    status = deployment["status"]
    return bool(status.get("updatedReplicas") == status.get("replicas") == deployment["spec"]["replicas"])


def _upgrade(arena: Arena) -> None:
    chart = str(arena.workspace.checkout / "charts" / "lambent")
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder) / "values.json"
        values.write_text(json.dumps(json.loads(arena.run_helm("get", "values", "lambent", "--output", "json")) or {}))
        annotations = ",".join(f"{role}.podAnnotations.fault=upgraded" for role in ("controller", "activator", "autoscaler"))
        upgrade = ("upgrade", "lambent", chart, "--values", str(values), "--wait", "--timeout", "180s")
        arena.run_helm(*upgrade, "--set", annotations)
        arena.run_helm(*upgrade)


def _roll_out_all(arena: Arena) -> None:
    _roll_out(ROLLOUTS, arena)


def _roll_out_some(arena: Arena) -> None:
    _roll_out(QUICK_ROLLOUTS, arena)


def faults() -> list[Fault]:
    """Nothing may fail."""
    return [
        Fault(f"{QUICK_ROLLOUTS} rollouts", _roll_out_some, quick=True),
        Fault(f"{ROLLOUTS} rollouts", _roll_out_all),
        Fault("helm upgrade and back", _upgrade),
    ]
