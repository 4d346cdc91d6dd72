"""What somebody edits or deletes by hand is as the manifest says again; what is not Lambent's is left alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lambent.controller.writes.drift import accept, build_repair, has_drifted
from lambent.controller.writes.plan import Repair
from tests.support.controller_world import World
from tests.support.json_patch import apply_json_patch


@pytest.fixture
def world() -> World:
    return World().serving_world()


def container(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def test_nothing_is_written_where_nothing_changed(world: World) -> None:
    plan = world.step()

    assert (plan.writes, plan.status, plan.notices) == ((), None, ())


@pytest.mark.parametrize("kind", ["Deployment", "Service", "NetworkPolicy", "ConfigMap"])
def test_a_deleted_object_comes_back(world: World, kind: str) -> None:
    before = {key for key in world.objects if key[0] == kind}
    for key in before:
        del world.objects[key]

    world.settle()

    assert {key for key in world.objects if key[0] == kind} == before
    assert world.condition("Ready") == ("True", "Ready")


def test_a_deployment_that_comes_back_has_the_pods_that_always_run(world: World) -> None:
    world.edit(scaling={"minScale": 2})
    del world.objects["Deployment", "hello"]

    world.settle()

    assert world.deployment["spec"]["replicas"] == 2


def test_another_image_is_put_right(world: World) -> None:
    container(world)["image"] = "nginx"

    world.settle()

    assert container(world)["image"] == "lambent/python3.11:dev"


def test_an_added_variable_and_an_added_container_go(world: World) -> None:
    container(world)["env"].append({"name": "FOO", "value": "bar"})
    world.deployment["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "x"})

    world.settle()

    assert [item["name"] for item in container(world)["env"]] == ["LAMBENT_SHIM"]
    assert len(world.deployment["spec"]["template"]["spec"]["containers"]) == 1


def test_labels_and_owner_are_put_right(world: World) -> None:
    metadata = world.deployment["metadata"]
    del metadata["labels"]["lambent.dev/function"]
    metadata["ownerReferences"] = [{**metadata["ownerReferences"][0], "blockOwnerDeletion": False}]

    world.settle()

    metadata = world.deployment["metadata"]
    assert metadata["labels"]["lambent.dev/function"] == "hello"
    assert metadata["ownerReferences"][0]["blockOwnerDeletion"] is True


def test_other_peoples_labels_and_annotations_stay(world: World) -> None:
    world.deployment["metadata"]["labels"]["team"] = "blue"
    world.deployment["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    container(world)["image"] = "nginx"

    world.settle()

    assert world.deployment["metadata"]["labels"]["team"] == "blue"
    assert world.deployment["spec"]["template"]["metadata"]["annotations"] == {"kubectl.kubernetes.io/restartedAt": "now"}


def test_a_restart_by_kubectl_is_not_undone(world: World) -> None:
    world.deployment["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}

    assert world.step().writes == ()


def test_the_service_leads_to_the_activators_again(world: World) -> None:
    world.objects["Service", "hello"]["spec"]["externalName"] = "evil.example.com"

    world.settle()

    assert world.objects["Service", "hello"]["spec"]["externalName"] == "lambent-activator.lambent-system.svc.cluster.local"


def test_a_repair_is_only_for_the_object_that_was_seen(world: World) -> None:
    container(world)["image"] = "nginx"
    (repair,) = world.plan().writes
    assert isinstance(repair, Repair)
    newer = copy.deepcopy(world.deployment)
    newer["metadata"]["uid"] = "another"

    with pytest.raises(AssertionError):
        apply_json_patch(newer, repair.operations)


def test_what_a_webhook_makes_of_a_write_is_not_fought(world: World) -> None:
    container(world)["image"] = "nginx"
    (repair,) = world.plan().writes
    assert isinstance(repair, Repair)
    mutated = apply_json_patch(world.deployment, repair.operations)
    mutated["spec"]["template"]["spec"]["priority"] = 7
    accepted = accept(repair.built, mutated)

    assert has_drifted(repair.built, mutated, None)
    assert not has_drifted(repair.built, mutated, accepted)
    mutated["spec"]["template"]["spec"]["priority"] = 8
    assert has_drifted(repair.built, mutated, accepted)


def test_a_repair_names_only_what_differs(world: World) -> None:
    built = copy.deepcopy(world.deployment)
    live = copy.deepcopy(world.deployment)
    live["spec"]["strategy"] = {"type": "Recreate"}

    assert [operation["path"] for operation in build_repair(built, live)] == ["/metadata/uid", "/spec/strategy"]


def test_code_that_nothing_uses_any_more_goes_and_code_in_use_stays(world: World) -> None:
    old = [name for kind, name in world.objects if kind == "ConfigMap"]
    world.write_code("v2")
    world.settle()
    world.initialize()
    world.settle()
    assert ("ConfigMap", old[0]) in world.objects, "pods of the old template still run"

    world.run_pods()
    world.objects["ReplicaSet", "old"] = {
        "metadata": {"name": "old"},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"lambent.dev/code": old[0].removeprefix("hello-code-")}}}},
    }
    plan = world.settle()
    assert ("ConfigMap", old[0]) in world.objects, "a ReplicaSet may still start pods with it"
    assert plan.requeue_seconds is not None, "its end is no event here"

    del world.objects["ReplicaSet", "old"]
    world.settle()
    assert ("ConfigMap", old[0]) not in world.objects
