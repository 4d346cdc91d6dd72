"""The Helm chart rendered, for tests that read what it installs."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

CHECKOUT: Final = Path(__file__).parents[2]
CHART: Final = CHECKOUT / "charts" / "lambent"
NAMESPACE: Final = "lambent-system"
ROLES: Final = ("controller", "activator", "autoscaler")


class ChartError(Exception):
    """What helm said when it did not render."""


def find_helm() -> str:
    """The helm that `make up` brought, else the machine's; the test is skipped on a machine that has neither yet."""
    own = CHECKOUT / ".cluster" / "bin" / "helm"
    found = str(own) if own.exists() else shutil.which("helm")
    if found is None:
        pytest.skip("no helm, neither in .cluster/bin nor on the path: `make up` brings one")
    return found


def render(*arguments: str) -> list[dict[str, Any]]:
    """Every object that `helm install` would create with these arguments, such as --set."""
    command = [find_helm(), "template", "lambent", str(CHART), "--namespace", NAMESPACE, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ChartError(result.stderr)
    return [item for item in yaml.safe_load_all(result.stdout) if item]


@cache
def _rendered_by_default() -> str:
    return json.dumps(render())


def rendered_by_default() -> list[dict[str, Any]]:
    """Every object that `helm install` creates with no values."""
    objects: list[dict[str, Any]] = json.loads(_rendered_by_default())
    return objects


def find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one object of that kind and name."""
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} objects are {kind} {name}")
    return found[0]


def container_of(objects: list[dict[str, Any]], role: str) -> dict[str, Any]:
    """The one container of a role's pods."""
    containers: list[dict[str, Any]] = find(objects, "Deployment", f"lambent-{role}")["spec"]["template"]["spec"]["containers"]
    if len(containers) != 1:
        raise LookupError(f"{len(containers)} containers in {role}")
    return containers[0]
