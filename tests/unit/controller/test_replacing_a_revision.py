"""A Function that serves gets new code or configuration."""

from __future__ import annotations

from lambent.controller.writes.plan import Create, Delete
from tests.support.controller_world import World, a_manifest


def a_serving_world(**spec: object) -> World:
    return World(a_manifest(**spec)).serving_world()  # type: ignore[arg-type]


def test_new_code_is_proved_beside_the_old_one_which_serves_on() -> None:
    world = a_serving_world()
    old = world.template_revision

    world.write_code("v2")
    world.settle()

    assert world.template_revision == old
    assert world.status["readyRevision"] == old
    assert world.status["latestRevision"] != old
    assert len(world.candidates) == 1
    assert world.condition("Ready") == ("Unknown", "Deploying")
    assert f"revision {old} serves on" in world.message()


def test_what_an_older_revision_said_of_its_initialisation_is_forgotten() -> None:
    world = a_serving_world()

    world.write_code("v2")
    world.step()

    assert "initialization" not in world.status


def test_proved_code_takes_over_and_ready_waits_for_its_pod() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    world.initialize()

    world.settle()

    assert world.template_revision == world.status["readyRevision"] == world.status["latestRevision"]
    assert world.condition("Ready") == ("Unknown", "Deploying")
    assert len(world.candidates) == 1, "the candidate stays until the new pods are there"

    world.run_pods()
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.candidates == []


def test_at_zero_proved_code_takes_over_at_once() -> None:
    world = a_serving_world()
    world.scale(0)
    world.run_pods()
    world.write_code("v2")
    world.settle()
    world.initialize()

    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.deployment["spec"]["replicas"] == 0
    assert world.candidates == []


def test_broken_code_never_reaches_the_deployment() -> None:
    world = a_serving_world()
    old = world.template_revision
    world.write_code("broken")
    world.settle()
    world.initialize(succeeds=False)

    world.settle()

    assert world.template_revision == world.status["readyRevision"] == old
    assert world.condition("Ready") == ("False", "InitializationFailed")
    assert f"revision {old} serves on" in world.message()


def test_a_candidate_that_failed_is_kept_for_a_while_and_then_removed() -> None:
    world = a_serving_world()
    world.write_code("broken")
    world.settle()
    world.initialize(succeeds=False)
    world.settle()
    assert len(world.candidates) == 1

    world.wait(301)
    world.settle()

    assert world.candidates == []
    assert world.condition("Ready") == ("False", "InitializationFailed")


def test_an_initialisation_that_succeeds_when_repeated_counts() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    world.initialize(succeeds=False)
    world.settle()

    world.initialize(succeeds=True)
    world.settle()

    assert world.template_revision == world.status["latestRevision"]


def test_a_candidate_that_is_ready_counts_where_its_report_was_lost() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    world.objects["Pod", world.candidates[0]]["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}

    world.settle()

    assert world.template_revision == world.status["readyRevision"] == world.status["latestRevision"]


def test_going_back_to_what_serves_needs_no_proof() -> None:
    world = a_serving_world()
    good = world.template_revision
    world.write_code("broken")
    world.settle()
    world.initialize(succeeds=False)
    world.settle()

    world.write_code("v1")
    world.settle()

    assert world.template_revision == good
    assert world.condition("Ready") == ("True", "Ready")
    assert world.candidates == []


def test_a_third_revision_replaces_a_candidate_that_is_not_proved_yet() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    second = world.candidates

    world.write_code("v3")
    world.settle()

    assert len(world.candidates) == 1
    assert world.candidates != second


def test_an_initialisation_of_another_revision_proves_nothing() -> None:
    world = a_serving_world()
    old = world.template_revision
    world.write_code("v2")
    world.settle()

    world.initialize(revision="0123456789")
    world.settle()

    assert world.template_revision == old


def test_a_candidate_that_ended_is_started_anew() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    name = world.candidates[0]
    world.objects["Pod", name]["status"] = {"phase": "Failed"}

    plan = world.step()
    assert [type(write) for write in plan.writes] == [Delete]
    plan = world.step()
    assert [type(write) for write in plan.writes] == [Create]


def test_without_a_proof_new_code_is_rolled_out_at_once() -> None:
    world = World(a_manifest(scaling={"initialScale": 0, "minScale": 1}))
    world.settle()
    world.run_pods()
    old = world.template_revision

    world.write_code("v2")
    world.settle()

    assert world.template_revision != old
    assert world.condition("Ready") == ("Unknown", "Deploying")
    world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")


def test_scaling_fields_start_no_pod_and_change_no_revision() -> None:
    world = a_serving_world()
    before = len(world.history)

    world.edit(scaling={"minScale": 2, "maxScale": 7})
    world.settle()

    assert world.history[before:] == []
    assert world.condition("Ready") == ("True", "Ready")
    assert world.status["observedGeneration"] == 2


def test_the_scale_is_never_written_after_the_creation() -> None:
    world = a_serving_world()
    world.scale(7)
    world.write_code("v2")
    world.settle()
    world.initialize()
    world.settle()

    assert world.deployment["spec"]["replicas"] == 7


def test_a_deployment_deleted_while_new_code_is_unproved_is_not_taken_for_its_proof() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    del world.objects["Deployment", "hello"]

    world.step()
    world.step(crash_after=9)
    world.settle()

    assert "readyRevision" not in world.status
    assert world.condition("Ready") == ("Unknown", "Deploying")
    world.initialize()
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")


def test_a_dead_controller_continues_where_it_was() -> None:
    world = a_serving_world()
    world.write_code("v2")
    world.settle()
    world.initialize()
    world.step(crash_after=9)

    world.settle()
    world.run_pods()
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.template_revision == world.status["readyRevision"] == world.status["latestRevision"]


def test_events_tell_the_way_of_a_revision_once() -> None:
    world = a_serving_world()
    world.notices.clear()
    world.write_code("v2")
    world.settle()
    world.initialize()
    world.settle()
    world.run_pods()
    world.settle()

    assert [notice.reason for notice in world.notices] == ["CodeUpdated", "RevisionReady"]


def test_code_that_fails_later_is_told_while_ready_stays() -> None:
    world = a_serving_world()
    world.notices.clear()

    world.initialize(succeeds=False)
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.condition("CodeReady") == ("False", "InitializationFailed")
    assert [notice.reason for notice in world.notices] == ["InitializationFailed"]
