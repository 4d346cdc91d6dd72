"""A pool's objects: pods like functions' pods, without a function, behind a gate."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lambent.api.functions.function import parse_function
from lambent.api.quantity import MIB
from lambent.controller.resources.function import build_network_policy
from lambent.controller.resources.installation import Pools, RuntimeImage
from lambent.controller.resources.pod import build_pod_template
from lambent.controller.resources.pool import build_pool_deployment, build_pool_network_policy, pool_configuration
from tests.support.controller_world import INSTALLATION, a_manifest

IMAGE = RuntimeImage("lambent/python3.11:dev", "Never", preload=("json", "xml.dom"))
FUNCTION = parse_function(a_manifest(timeoutSeconds=900))


def deployment(**pools: Any) -> dict[str, Any]:
    return build_pool_deployment("team", "python3.11", IMAGE, replace(INSTALLATION, pools=Pools(**pools)))


def pod(**pools: Any) -> dict[str, Any]:
    found: dict[str, Any] = deployment(**pools)["spec"]["template"]["spec"]
    return found


def function_pod() -> dict[str, Any]:
    found: dict[str, Any] = build_pod_template(FUNCTION, "abc", "function", None, IMAGE, INSTALLATION)["spec"]
    return found


def test_the_whole_deployment() -> None:
    built = deployment()
    labels = {
        "lambent.dev/role": "pool",
        "lambent.dev/runtime": "python3.11",
        "app.kubernetes.io/name": "lambent-pool-python3-11",
        "app.kubernetes.io/instance": "lambent-pool-python3-11",
        "app.kubernetes.io/component": "pool",
        "app.kubernetes.io/managed-by": "lambent",
        "app.kubernetes.io/part-of": "lambent",
    }

    assert built["metadata"] == {"name": "lambent-pool-python3-11", "namespace": "team", "labels": labels, "ownerReferences": []}
    assert {key: value for key, value in built["spec"].items() if key != "template"} == {
        "selector": {"matchLabels": {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": 2147483647,
    }
    assert built["spec"]["template"]["metadata"] == {"labels": {**labels, "lambent.dev/origin": "pool"}}


def test_its_pods_are_functions_pods_but_for_what_a_function_brings() -> None:
    generic, own = pod(), function_pod()
    (container,), (own_container,) = generic.pop("containers"), own.pop("containers")
    volumes, own_volumes = generic.pop("volumes"), own.pop("volumes")

    # The function's timeout is the longest there is, so the time to end is the same too.
    assert generic == {**own, "schedulingGates": [{"name": "lambent.dev/refill"}]}, (
        "terminationGracePeriodSeconds for the longest timeout too"
    )
    differing = {key for key in container if container[key] != own_container[key]}
    assert differing == {"env", "resources", "volumeMounts"}
    assert set(container) == set(own_container)
    assert volumes == [*own_volumes, {"name": "lambent-code", "emptyDir": {"sizeLimit": "256Mi"}}]
    # Written in one place, seen in another where nobody can write.
    assert container["volumeMounts"] == [
        *own_container["volumeMounts"],
        {"name": "lambent-code", "mountPath": "/var/lib/lambent/task"},
        {"name": "lambent-code", "mountPath": "/var/task", "readOnly": True},
    ]


def test_nothing_but_the_shims_own_variable_is_set() -> None:
    (container,) = pod()["containers"]

    assert [variable["name"] for variable in container["env"]] == ["LAMBENT_SHIM"]
    assert json.loads(container["env"][0]["value"]) == pool_configuration("team", "python3.11", IMAGE, INSTALLATION)


def test_the_shim_is_told_all_but_its_function() -> None:
    assert pool_configuration("team", "python3.11", IMAGE, INSTALLATION) == {
        "pool": True,
        "namespace": "team",
        "runtime": "python3.11",
        "activators": ["lambent-activator-links.lambent-system.svc.cluster.local.:8081"],
        "tokenFile": "/var/run/secrets/lambent/token",
        "taskRoot": "/var/task",
        "region": "us-east-1",
        "statusPort": 9001,
        "preload": ["json", "xml.dom"],
        "codeDir": "/var/lib/lambent/task",
        "storage": [{"path": "/tmp", "sizeMiB": 512, "field": "spec.ephemeralStorage"}],
    }


def test_a_waiting_pod_requests_little_and_may_use_what_the_largest_function_may() -> None:
    (container,) = pod(max_memory_bytes=512 * MIB, cpu_request_millis=5, memory_request_bytes=40 * MIB)["containers"]

    assert container["resources"] == {"requests": {"cpu": "5m", "memory": "40Mi"}, "limits": {"memory": "640Mi"}}


def test_its_policy_is_that_of_functions_for_other_pods() -> None:
    policy, own = build_pool_network_policy("team", "python3.11", INSTALLATION), build_network_policy(FUNCTION, INSTALLATION)

    assert policy["spec"] == {
        **own["spec"],
        "podSelector": {"matchLabels": {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11"}},
    }
    assert policy["metadata"] == deployment()["metadata"]


def test_a_pod_that_has_become_a_function_is_none_of_the_pool() -> None:
    selector = deployment()["spec"]["selector"]["matchLabels"]
    labels = build_pod_template(FUNCTION, "abc", "function", None, IMAGE, INSTALLATION)["metadata"]["labels"]
    handed_over = {**deployment()["spec"]["template"]["metadata"]["labels"], **labels}

    assert not selector.items() <= handed_over.items()
