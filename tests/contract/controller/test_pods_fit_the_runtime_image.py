"""What the controller tells a pod is what the shim reads, and the pod is what the runtime image expects."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster.verifier import check_pod
from lambent.activator.links.hello import Hello, Identity
from lambent.api.functions.files import inline_files
from lambent.api.functions.function import parse_function
from lambent.api.functions.shim import SHIM_VARIABLE
from lambent.controller.resources.installation import RuntimeImage
from lambent.controller.resources.pod import STATUS_PORT, TASK_ROOT, USER_ID, build_pod_template, shim_configuration
from lambent.controller.resources.pool import pool_configuration
from lambent_shim.configuration import parse_configuration
from tests.support.controller_world import INSTALLATION, a_manifest
from tests.support.schemas import CHECKOUT

DOCKERFILE = (CHECKOUT / "runtime-images" / "python" / "Dockerfile").read_text()
EVERYTHING: dict[str, Any] = {
    "timeoutSeconds": 7,
    "memory": "512Mi",
    "concurrency": 3,
    "logging": {"format": "JSON", "systemLevel": "WARN"},
}
GENERIC = pool_configuration("team", "python3.11", RuntimeImage("x", preload=("json", "xml.dom")), INSTALLATION)


def told(**spec: Any) -> dict[str, Any]:
    return shim_configuration(parse_function(a_manifest(**spec)), "abc", INSTALLATION)


class Asked(dict[str, Any]):
    """Notes the fields that are asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


def test_the_shim_reads_what_it_is_told() -> None:
    read = parse_configuration(json.dumps(told(**EVERYTHING)), runtime_dir="/var/runtime", pod="hello-1")

    assert (read.namespace, read.function, read.revision, read.handler) == ("default", "hello", "abc", "app.handler")
    assert (read.timeout_seconds, read.memory_mib, read.concurrency, read.status_port) == (7, 512, 3, STATUS_PORT)
    assert (read.log_format, read.application_level, read.system_level) == ("JSON", "INFO", "WARN")
    assert (read.runtime, read.version, read.task_root, read.region) == ("python3.11", "$LATEST", TASK_ROOT, "us-east-1")
    assert read.token_file == "/var/run/secrets/lambent/token"
    assert read.activators == ("lambent-activator-links.lambent-system.svc.cluster.local.:8081",)


def test_it_is_told_nothing_that_it_does_not_read(monkeypatch: Any) -> None:
    asked = Asked(told(**EVERYTHING))
    monkeypatch.setattr("lambent_shim.configuration.json.loads", lambda _: asked)

    parse_configuration("", runtime_dir="/var/runtime", pod="hello-1")

    assert set(asked) <= asked.names


def test_a_function_with_its_own_image_leaves_the_runtime_to_it() -> None:
    configuration = told(image="team/hello:1", runtime=None)

    assert parse_configuration(json.dumps(configuration), runtime_dir="/var/runtime", pod="hello-1").runtime == "python3.11"


@pytest.mark.parametrize("role", ["function", "candidate"])
def test_what_a_pods_shim_says_of_itself_is_what_the_activator_finds_in_the_pod(role: str) -> None:
    function = parse_function(a_manifest(**EVERYTHING))
    template = build_pod_template(function, "abc", role, inline_files({"app.py": ""}), RuntimeImage("x"), INSTALLATION)
    (variable,) = [item for item in template["spec"]["containers"][0]["env"] if item["name"] == SHIM_VARIABLE]
    told = parse_configuration(variable["value"], runtime_dir="/var/runtime", pod="hello-1")
    hello = Hello("", FunctionKey(told.namespace, told.function), told.revision, told.pod, told.concurrency, draining=False, phases={})
    pod = {"metadata": {**template["metadata"], "name": "hello-1", "uid": "u"}, "spec": template["spec"]}

    assert check_pod(hello, pod, namespace=told.namespace, name="hello-1", uid="u") == Identity("hello-1", "u")


def test_the_pod_is_what_the_image_expects() -> None:
    template = build_pod_template(
        parse_function(a_manifest()), "abc", "function", inline_files({"app.py": ""}), RuntimeImage("x"), INSTALLATION
    )
    container = template["spec"]["containers"][0]

    assert re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE).groups() == (str(USER_ID), str(USER_ID))  # type: ignore[union-attr]
    assert f"EXPOSE {STATUS_PORT}" in DOCKERFILE
    assert f"LAMBDA_TASK_ROOT={TASK_ROOT}" in DOCKERFILE
    assert "command" not in container, "the image's entry point is the shim"
    assert "args" not in container
    assert SHIM_VARIABLE in {item["name"] for item in container["env"]}


def test_probes_ask_what_the_shim_answers() -> None:
    status = (CHECKOUT / "runtime-images" / "shim" / "lambent_shim" / "telemetry" / "status.py").read_text()
    template = build_pod_template(parse_function(a_manifest()), "abc", "function", None, RuntimeImage("x"), INSTALLATION)
    container = template["spec"]["containers"][0]

    for probe in ("readinessProbe", "livenessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert f'path == "{path}"' in status
        assert container[probe]["httpGet"]["port"] == STATUS_PORT


def test_a_generic_pods_shim_reads_what_it_is_told() -> None:
    read = parse_configuration(json.dumps(GENERIC), runtime_dir="/var/runtime", pod="lambent-pool-python3-11-1")

    assert (read.pool, read.namespace, read.runtime, read.preload) == (True, "team", "python3.11", ("json", "xml.dom"))
    assert (read.function, read.revision, read.handler) == ("", "", "")
    assert (read.task_root, read.status_port, read.region) == (TASK_ROOT, STATUS_PORT, "us-east-1")
    assert read.activators == parse_configuration(json.dumps(told()), runtime_dir="/var/runtime", pod="hello-1").activators


def test_a_generic_pod_is_told_nothing_that_it_does_not_read(monkeypatch: Any) -> None:
    asked = Asked(GENERIC)
    monkeypatch.setattr("lambent_shim.configuration.json.loads", lambda _: asked)

    parse_configuration("", runtime_dir="/var/runtime", pod="lambent-pool-python3-11-1")

    assert set(asked) <= asked.names
