"""Whatever happens, in whatever order: code that does not initialise never replaces code that does, and reconciles come to rest."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lambent.api.names import code_config_map
from tests.support.controller_world import World, a_manifest
from tests.support.examples_drawn import examples


class Rollouts(RuleBasedStateMachine):
    """People edit, pods come up or fail, scales change, the controller dies between two writes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.proved: set[str] = set()
        """Revisions that have initialised, or were not to be proved when they were asked for."""

    @initialize(initial_scale=st.sampled_from([0, 1, 1, 3]), min_scale=st.sampled_from([0, 0, 2]))
    def start(self, initial_scale: int, min_scale: int) -> None:
        self.world = World(a_manifest(scaling={"initialScale": initial_scale, "minScale": min_scale}))
        self.unproved_is_fine = initial_scale == 0

    @rule()
    def reconcile(self) -> None:
        self._reconcile(None)

    @rule(writes=st.integers(0, 4))
    def die_while_reconciling(self, writes: int) -> None:
        self._reconcile(writes)

    @rule(code=st.sampled_from(["v1", "v2", "v3"]))
    def write_code(self, code: str) -> None:
        self.world.write_code(code)

    @rule(seconds=st.sampled_from([4, 900]))
    def change_the_timeout(self, seconds: int) -> None:
        self.world.edit(timeoutSeconds=seconds)

    @precondition(lambda self: self.world.status.get("latestRevision"))
    @rule(succeeds=st.booleans())
    def hear_of_an_initialisation(self, succeeds: bool) -> None:
        latest = self.world.status["latestRevision"]
        runs = {body["metadata"]["labels"]["lambent.dev/revision"] for body in self.world.of_kind("Pod")}
        if latest in runs:
            self.world.initialize(succeeds=succeeds)
            if succeeds:
                self.proved.add(latest)

    @precondition(lambda self: self.world.of_kind("Deployment"))
    @rule(ready=st.booleans())
    def start_pods(self, ready: bool) -> None:
        self.world.run_pods(ready=ready)
        if ready and self.world.of_kind("Pod"):
            # A probe passes only where the handler is imported.
            self.proved.add(self.world.template_revision)

    @precondition(lambda self: self.world.of_kind("Deployment"))
    @rule(replicas=st.sampled_from([0, 1, 5]))
    def scale(self, replicas: int) -> None:
        self.world.scale(replicas)
        self.world.run_pods(ready=False)

    @rule(kind=st.sampled_from(["Deployment", "Service", "NetworkPolicy", "Pod"]))
    def delete_by_hand(self, kind: str) -> None:
        for key in [key for key in self.world.objects if key[0] == kind]:
            del self.world.objects[key]

    @rule(seconds=st.sampled_from([1.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule()
    def come_to_rest(self) -> None:
        before = self._deployed()
        self.world.settle()
        self._check_replacement(before)

    @invariant()
    def ready_says_the_truth(self) -> None:
        if self.world.condition("Ready") == ("True", "Ready"):
            status = self.world.status
            assert status["readyRevision"] == status["latestRevision"]

    @invariant()
    def code_that_is_used_is_there(self) -> None:
        templates = [body["spec"]["template"] for body in self.world.of_kind("Deployment")]
        for user in (*templates, *self.world.of_kind("Pod")):
            code = user["metadata"]["labels"]["lambent.dev/code"]
            assert ("ConfigMap", code_config_map("hello", code)) in self.world.objects

    def _reconcile(self, crash_after: int | None) -> None:
        before = self._deployed()
        self.world.step(crash_after=crash_after)
        self._check_replacement(before)

    def _deployed(self) -> tuple[str, str]:
        """(revision of the template, revision that serves); empty where there is none."""
        revision = self.world.template_revision if self.world.of_kind("Deployment") else ""
        return revision, self.world.status.get("readyRevision", "")

    def _check_replacement(self, before: tuple[str, str]) -> None:
        template, serving = before
        after = self.world.template_revision if self.world.of_kind("Deployment") else ""
        if template and serving and after not in ("", template) and not self.unproved_is_fine:
            assert after in self.proved, f"{after} has never initialised and replaced {template}"


Rollouts.TestCase.settings = settings(max_examples=examples(50), stateful_step_count=30)
TestRollouts = Rollouts.TestCase
