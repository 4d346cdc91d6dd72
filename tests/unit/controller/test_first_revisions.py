"""A Function that is applied for the first time."""

from __future__ import annotations

from tests.support.controller_world import World, a_manifest


def kinds(world: World) -> set[str]:
    return {kind for kind, _ in world.objects}


def test_a_revision_is_announced_before_anything_is_created() -> None:
    world = World()

    plan = world.step()

    assert plan.writes == ()
    assert world.status["latestRevision"]
    assert world.condition("Ready") == ("Unknown", "Deploying")
    assert plan.requeue_seconds == 0.0
    assert [notice.reason for notice in world.notices] == ["Created"]


def test_the_announcement_is_followed_by_all_objects_at_once() -> None:
    world = World()

    world.settle()

    assert kinds(world) == {"Deployment", "Service", "NetworkPolicy", "ConfigMap"}
    assert world.deployment["spec"]["replicas"] == 1
    assert world.template_revision == world.status["latestRevision"]
    assert "readyRevision" not in world.status


def test_it_serves_when_it_has_initialised_without_waiting_for_the_probe() -> None:
    world = World()
    world.settle()
    world.run_pods(ready=False)
    world.initialize()

    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.condition("CodeReady") == ("True", "CodeStored")
    assert world.condition("Active") == ("True", "Running")
    assert world.status["readyRevision"] == world.status["latestRevision"]
    assert world.notices[-1].reason == "RevisionReady"


def test_code_that_does_not_initialise_is_told_with_the_end_of_its_traceback() -> None:
    world = World()
    world.settle()
    world.run_pods(ready=False)
    world.initialize(succeeds=False)

    world.settle()

    assert world.condition("Ready") == ("False", "InitializationFailed")
    assert "Runtime.ImportModuleError: No module named 'x'" in world.message()
    assert "import x" in world.message()
    assert [notice.reason for notice in world.notices].count("InitializationFailed") == 1
    assert "readyRevision" not in world.status


def test_without_a_proof_it_serves_at_once_and_no_pod_starts() -> None:
    world = World(a_manifest(scaling={"initialScale": 0}))

    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.condition("Active") == ("False", "Idle")
    assert world.deployment["spec"]["replicas"] == 0


def test_pods_that_always_run_are_there_from_the_start() -> None:
    with_proof = World(a_manifest(scaling={"minScale": 3}))
    without = World(a_manifest(scaling={"minScale": 2, "initialScale": 0}))
    with_proof.settle()
    without.settle()

    assert with_proof.deployment["spec"]["replicas"] == 3
    assert without.deployment["spec"]["replicas"] == 2


def test_it_is_proved_on_a_candidate_where_the_deployment_was_scaled_to_zero_meanwhile() -> None:
    world = World()
    world.settle()
    world.scale(0)

    world.settle()

    assert len(world.candidates) == 1
    world.initialize()
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")
    assert world.candidates == []


def test_a_broken_first_revision_is_replaced_directly() -> None:
    world = World()
    world.settle()
    world.initialize(succeeds=False)
    world.settle()
    broken = world.template_revision

    world.write_code("v2")
    world.settle()

    assert world.template_revision != broken
    assert world.candidates == []
    world.initialize()
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")


def test_a_broken_first_revision_serves_when_a_trial_finds_it_mended() -> None:
    world = World()
    world.settle()
    world.initialize(succeeds=False)
    world.settle()
    world.scale(0)
    world.run_pods()
    rest = world.settle()
    assert rest.requeue_seconds is None
    assert (world.candidates, world.of_kind("Pod")) == ([], [])

    world.scale(1)  # by the activator, for an invocation
    world.run_pods(ready=False)
    world.settle()
    assert world.condition("Ready") == ("False", "InitializationFailed")
    assert world.template_revision == world.status["latestRevision"]
    world.initialize()
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.status["readyRevision"] == world.status["latestRevision"]
    assert world.deployment["spec"]["replicas"] == 1


def test_status_names_url_selector_version_and_code() -> None:
    world = World()
    world.settle()

    assert world.status["url"] == "http://hello.default"
    assert world.status["selector"] == "lambent.dev/function=hello,lambent.dev/role=function"
    assert world.status["version"] == "$LATEST"
    assert len(world.status["codeSha256"]) == 44


def test_a_function_being_deleted_is_left_alone() -> None:
    world = World()
    world.function["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    plan = world.step()

    assert (plan.writes, plan.status, plan.notices) == ((), None, ())


def test_a_ready_pod_that_came_from_a_pool_proves_nothing() -> None:
    world = World()
    world.settle()
    world.run_pods()
    for pod in world.of_kind("Pod"):
        pod["metadata"]["labels"]["lambent.dev/origin"] = "pool"

    world.settle()
    assert "readyRevision" not in world.status

    world.initialize()
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")
