"""A function's pod: what runs in it, what it may do, and that nothing is left to the API server's defaults."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambent.api.functions.files import inline_files
from lambent.api.functions.function import Function, parse_function
from lambent.api.quantity import MIB
from lambent.controller.resources.function import build_candidate, build_deployment, build_network_policy, build_service, function_url
from lambent.controller.resources.installation import Installation, Pools, RuntimeImage
from lambent.controller.resources.pod import build_pod_template
from lambent.controller.resources.pool_index import pool_of
from tests.support.controller_world import INSTALLATION, a_manifest

RUNTIME = RuntimeImage("lambent/python3.11:dev", "Never")
CODE = inline_files({"app.py": "x", "pkg/__init__.py": "", "pkg/a_b.py": "y"})


def a_function(**spec: Any) -> Function:
    return parse_function(a_manifest(**spec))


def pod(installation: Installation = INSTALLATION, **spec: Any) -> dict[str, Any]:
    code = None if "image" in spec and "code" not in spec else CODE
    if "image" in spec:
        spec = {"runtime": None, "code": None, **spec}
    found: dict[str, Any] = build_pod_template(a_function(**spec), "abc", "function", code, RUNTIME, installation)["spec"]
    return found


def container(**spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = pod(**spec)["containers"][0]
    return found


def shim(**spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(item["value"] for item in container(**spec)["env"] if item["name"] == "LAMBENT_SHIM"))
    return found


def test_pod_security_restricted_passes() -> None:
    spec, one = pod(), container()

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert {key for volume in spec["volumes"] for key in volume if key != "name"} <= {"configMap", "emptyDir", "projected"}


def test_there_is_no_api_token_unless_a_service_account_is_asked_for() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod()
    assert pod(serviceAccountName="reader")["automountServiceAccountToken"] is True
    assert pod(serviceAccountName="reader")["serviceAccountName"] == "reader"


def test_it_proves_itself_by_a_token_for_lambent_alone() -> None:
    token = next(volume for volume in pod()["volumes"] if volume["name"] == "lambent-token")

    assert token["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "lambent"
    assert shim()["tokenFile"] == "/var/run/secrets/lambent/token"
    assert {"name": "lambent-token", "mountPath": "/var/run/secrets/lambent", "readOnly": True} in container()["volumeMounts"]


def test_files_of_the_code_get_their_paths_back() -> None:
    volume = next(volume for volume in pod()["volumes"] if volume["name"] == "lambent-code")

    assert volume["configMap"]["items"] == [
        {"key": "app.py", "path": "app.py"},
        {"key": "pkg_2f_5f_5finit_5f_5f.py", "path": "pkg/__init__.py"},
        {"key": "pkg_2fa_5fb.py", "path": "pkg/a_b.py"},
    ]


def test_an_image_that_holds_the_code_gets_none() -> None:
    spec = pod(image="team/fn:1")

    assert [volume["name"] for volume in spec["volumes"]] == ["lambent-tmp", "lambent-token"]
    assert "/var/task" not in [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]]


@pytest.mark.parametrize(
    ("memory", "percent", "cpu", "limit"),
    [("128Mi", 100, "72m", "256Mi"), ("1769Mi", 100, "1", "1897Mi"), ("1769Mi", 25, "250m", "1897Mi"), ("128Mi", 1, "1m", "256Mi")],
)
def test_cpu_follows_from_memory_and_the_limit_has_the_shims_share(memory: str, percent: int, cpu: str, limit: str) -> None:
    resources = container(installation=Installation(cpu_request_percent=percent), memory=memory)["resources"]

    assert resources == {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


def test_a_cpu_limit_bounds_the_request_too() -> None:
    resources = container(memory="1769Mi", cpu={"limit": "500m"})["resources"]

    assert resources["limits"]["cpu"] == resources["requests"]["cpu"] == "500m"


def test_users_variables_come_as_written_and_the_shims_last() -> None:
    secret = {"secretKeyRef": {"name": "db", "key": "url"}}
    env = container(env=[{"name": "STAGE", "value": "dev"}, {"name": "DB", "valueFrom": secret}, {"name": "EMPTY"}])["env"]

    assert env[:3] == [{"name": "STAGE", "value": "dev"}, {"name": "DB", "valueFrom": secret}, {"name": "EMPTY", "value": ""}]
    assert env[3]["name"] == "LAMBENT_SHIM"


def test_the_shim_is_told_what_the_function_is() -> None:
    told = shim(timeoutSeconds=9, concurrency=4, memory="256Mi")

    assert (told["namespace"], told["function"], told["revision"]) == ("default", "hello", "abc")
    assert (told["timeoutSeconds"], told["concurrency"], told["memoryMiB"], told["handler"]) == (9, 4, 256, "app.handler")
    assert told["activators"] == ["lambent-activator-links.lambent-system.svc.cluster.local.:8081"]
    assert told["arn"] == "arn:aws:lambda:us-east-1:default:function:hello"
    assert told["logging"] == {"format": "Text"}


def test_json_logs_come_with_their_levels() -> None:
    assert shim(logging={"format": "JSON", "systemLevel": "WARN"})["logging"] == {
        "format": "JSON",
        "applicationLevel": "INFO",
        "systemLevel": "WARN",
    }


def test_a_pod_outlives_an_invocation_that_was_just_begun() -> None:
    assert pod(timeoutSeconds=900)["terminationGracePeriodSeconds"] == 915


def test_where_it_may_run_is_as_the_user_says() -> None:
    spec = pod(
        nodeSelector={"zone": "a"},
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        runtimeClassName="gvisor",
    )

    assert spec["nodeSelector"] == {"zone": "a"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert spec["runtimeClassName"] == "gvisor"


def test_users_volumes_cannot_clash_with_the_platforms() -> None:
    spec = pod(volumes=[{"name": "lambent-tmp", "mountPath": "/mnt/x", "readOnly": True, "emptyDir": {}}])

    assert spec["volumes"][-1] == {"name": "user-lambent-tmp", "emptyDir": {}}
    assert spec["containers"][0]["volumeMounts"][-1] == {"name": "user-lambent-tmp", "mountPath": "/mnt/x", "readOnly": True}


def test_a_deployment_replaces_pods_without_taking_any_away_first() -> None:
    spec = build_deployment(a_function(), "abc", CODE, RUNTIME, INSTALLATION)["spec"]

    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in spec
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()


def test_a_candidate_is_no_pod_of_the_deployment() -> None:
    deployment = build_deployment(a_function(), "abc", CODE, RUNTIME, INSTALLATION)
    candidate = build_candidate(a_function(), "abc", CODE, RUNTIME, INSTALLATION)

    assert not deployment["spec"]["selector"]["matchLabels"].items() <= candidate["metadata"]["labels"].items()
    # Nobody hands a pool's pod over to a candidate, and no activator looks for its gate.
    gates = {"schedulingGates": [{"name": "lambent.dev/start"}]}
    assert candidate["spec"] | gates == deployment["spec"]["template"]["spec"]
    assert "schedulingGates" not in candidate["spec"]


@pytest.mark.parametrize(
    ("spec", "installation", "gated"),
    [
        ({}, INSTALLATION, True),
        ({"memory": "512Mi"}, INSTALLATION, True),
        ({"serviceAccountName": "reader"}, INSTALLATION, False),
        ({"memory": "512Mi"}, replace(INSTALLATION, pools=Pools(max_memory_bytes=256 * MIB)), False),
        ({}, replace(INSTALLATION, pools=Pools(size=0)), False),
        ({}, Installation(), False),
    ],
)
def test_only_pods_that_may_be_made_in_vain_wait_behind_a_gate(spec: dict[str, Any], installation: Installation, gated: bool) -> None:
    function = a_function(**spec)
    deployment = build_deployment(function, "abc", CODE, RUNTIME, installation)

    assert ("schedulingGates" in deployment["spec"]["template"]["spec"]) is gated
    assert (pool_of(function, installation) is not None) is gated


def test_every_object_goes_with_its_function() -> None:
    function = a_function()
    for built in (
        build_deployment(function, "abc", CODE, RUNTIME, INSTALLATION),
        build_candidate(function, "abc", CODE, RUNTIME, INSTALLATION),
        build_service(function, INSTALLATION),
        build_network_policy(function, INSTALLATION),
    ):
        (owner,) = built["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == ("fn-uid", True)
        assert built["metadata"]["labels"]["lambent.dev/function"] == "hello"


def test_a_functions_policy_is_for_its_candidates_and_pods_that_came_from_a_pool_too() -> None:
    spec = build_network_policy(a_function(), INSTALLATION)["spec"]

    assert spec["podSelector"]["matchLabels"] == {"lambent.dev/function": "hello"}


def test_the_url_is_the_public_one_where_there_is_a_domain() -> None:
    assert function_url(a_function(), INSTALLATION) == "http://hello.default"
    assert function_url(a_function(), Installation(domain="fn.example.com")) == "http://hello.default.fn.example.com"
