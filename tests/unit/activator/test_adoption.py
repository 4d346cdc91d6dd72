"""How a pod that has become a function is handed to its Deployment, against an API server in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster import adopter as adopter_module
from lambent.activator.cluster.adopter import KubeAdopter
from lambent.activator.links.hello import Identity
from lambent.activator.pool import adoption
from lambent.api.functions.function import FunctionSpec, parse_function_spec
from lambent.kube.backoff import Backoff
from lambent.kube.errors import ForbiddenError, InvalidError, KubeUnavailableError
from tests.support.fake_kube import FakeKube

KEY = FunctionKey("team", "hello")
SPEC = parse_function_spec({"runtime": "python3.11", "memory": "512Mi", "code": {"inline": {"app.py": "x"}}})
POD = "/api/v1/namespaces/team/pods/p1"
SCALE = "/apis/apps/v1/namespaces/team/deployments/hello/scale"
SETS = "/apis/apps/v1/namespaces/team/replicasets"
TEMPLATE = {"lambent.dev/function": "hello", "lambent.dev/role": "function", "lambent.dev/revision": "r1", "lambent.dev/code": "c"}


def replica_set(replicas: int, revision: str = "r1", made: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    labels = {**TEMPLATE, "lambent.dev/revision": revision}
    metadata = {"name": f"hello-{revision}", "labels": {**labels, "pod-template-hash": "h1"}, "creationTimestamp": made}
    metadata["generation"] = 1
    spec = {"replicas": replicas, "template": {"metadata": {"labels": labels}}}
    return {"metadata": metadata, "spec": spec, "status": {"observedGeneration": 1}}


class Heard:
    """What is told of handovers, and how many writes there were before."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[tuple[str, int]] = []

    def took(self, function: FunctionKey, uid: str) -> None:
        self._note(f"took {uid}", function)

    def moved(self, function: FunctionKey, uid: str) -> None:
        self._note(f"moved {uid}", function)

    def dropped(self, function: FunctionKey, uid: str) -> None:
        self._note(f"dropped {uid}", function)

    def _note(self, what: str, function: FunctionKey) -> None:
        assert function == KEY
        self.told.append((what, len(self.world.writes())))

    @property
    def words(self) -> list[str]:
        return [what for what, _ in self.told]


class World(FakeKube):
    """The ReplicaSet learns of the scale after `slowness` looks at it, and its controller after as many more."""

    def __init__(self, slowness: int = 2) -> None:
        super().__init__()
        self.slowness = slowness
        self.looks = 0
        self.sets = [replica_set(0)]
        self.spec: FunctionSpec | None = SPEC
        self.outcomes: list[str] = []
        self.moved: list[str] = []
        self.heard = Heard(self)
        self.put(SCALE, {"spec": {"replicas": 0}})
        labels = {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11", "lambent.dev/origin": "pool"}
        self.put(POD, {"metadata": {"name": "p1", "uid": "u1", "labels": labels, "ownerReferences": [{"name": "pool"}]}})
        self.put(f"{POD}/resize", {})

    async def list(self, path: str, *, label_selector: str = "") -> Any:
        self.calls.append(("LIST", path, label_selector))
        self.looks += 1
        for each in self.sets:
            if self.looks >= self.slowness and each["spec"]["replicas"] != self.objects[SCALE]["spec"]["replicas"]:
                each["spec"]["replicas"] = self.objects[SCALE]["spec"]["replicas"]
                each["metadata"]["generation"] += 1
            if self.looks >= 2 * self.slowness:
                each["status"]["observedGeneration"] = each["metadata"]["generation"]
        return {"items": self.sets}

    async def delete(self, path: str, *, uid: str = "", grace_period_seconds: int | None = None) -> None:
        self._called("DELETE", path, uid)
        del self.objects[path]

    def adopted(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    def run(self, pods: int = 1, *, pause: bool = False, times: int = 1, until: str = "moved") -> None:
        async def scenario() -> None:
            quick = Backoff(first_seconds=0.0, longest_seconds=0.0)
            adopter = KubeAdopter(self, lambda _key: self.spec, 100, 1000, self, self.heard, quick)  # type: ignore[arg-type]
            for _ in range(times):
                adopter.adopt(Identity("p1", "u1"), KEY, "r1", pods, lambda: self.moved.append("p1"), pause=pause)
            for _ in range(5000):
                if until in self.outcomes and not len(adopter._tasks):
                    break
                await asyncio.sleep(0)
            await adopter.close()

        asyncio.run(scenario())

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path.rpartition("/")[2]) for method, path, _ in self.calls if method in {"PATCH", "DELETE"}]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALM_SECONDS", "OTHERS_SECONDS", "RESIZE_SECONDS"):
        monkeypatch.setattr(adopter_module, name, 0.0)
    monkeypatch.setattr(adopter_module, "SCALE_SECONDS", (0.0,) * 5)


def test_the_scale_comes_first_and_the_pod_only_once_the_replica_sets_controller_has_acted_on_it() -> None:
    world = World()
    world.run()

    assert world.writes() == [("PATCH", "scale"), ("PATCH", "p1"), ("PATCH", "resize")]
    claimed_at = world.calls.index(next(call for call in world.calls if call[:2] == ("PATCH", POD)))
    assert sum(call[0] == "LIST" for call in world.calls[:claimed_at]) == 4
    assert (world.moved, world.outcomes) == (["p1"], ["moved"])


def test_who_holds_pods_back_hears_of_a_handover_before_its_scale_is_written_and_when_it_is_done() -> None:
    world = World()
    world.run()

    assert world.heard.told == [("took u1", 0), ("moved u1", 2)]


def test_the_pod_gets_the_labels_of_the_template_and_loses_its_owner() -> None:
    world = World()
    world.run()
    metadata = world.objects[POD]["metadata"]

    assert metadata["labels"] == {**TEMPLATE, "pod-template-hash": "h1", "lambent.dev/origin": "pool"}
    assert not metadata.get("ownerReferences")


def test_it_is_resized_to_what_the_function_asks_for() -> None:
    world = World()
    world.run()
    (container,) = world.objects[f"{POD}/resize"]["spec"]["containers"]

    assert container == {
        "name": "function",
        "resources": {"requests": {"cpu": "289m", "memory": "512Mi"}, "limits": {"memory": "640Mi"}},
    }


def test_another_activator_that_finds_it_done_writes_nothing() -> None:
    world = World()
    world.objects[POD]["metadata"]["labels"] = dict(TEMPLATE)
    world.run(pause=True, until="moved_by_another")

    assert (world.writes(), world.moved) == ([], ["p1"])
    assert world.heard.words == ["took u1", "moved u1"]


def test_another_activator_does_what_the_one_that_took_it_could_not() -> None:
    world = World()
    world.run(pause=True)

    assert world.writes() == [("PATCH", "scale"), ("PATCH", "p1"), ("PATCH", "resize")]


def test_doing_it_twice_does_no_harm() -> None:
    world = World()
    world.run()
    before = world.objects[POD]["metadata"]["labels"]
    world.run()

    assert world.objects[POD]["metadata"]["labels"] == before


def test_an_api_server_that_is_away_is_asked_again() -> None:
    world = World()
    failures = iter([KubeUnavailableError(0, "Timeout", "away")] * 3)

    def before(method: str, path: str) -> None:
        if path == SCALE and (error := next(failures, None)) is not None:
            raise error

    world.before = before
    world.run()

    assert world.outcomes == ["moved"]


@pytest.mark.parametrize("gone", ["function", "deployment", "revision"])
def test_a_pod_whose_function_or_revision_is_gone_is_ended(gone: str) -> None:
    world = World()
    if gone == "function":
        world.spec = None
    elif gone == "deployment":
        del world.objects[SCALE]
    else:
        world.sets = [replica_set(0, "r2")]
    world.run(until="retired")

    assert world.outcomes == ["retired"]
    assert POD not in world.objects
    assert world.calls[-1] == ("DELETE", POD, "u1")
    assert world.heard.words[-1] == "dropped u1"


@pytest.mark.parametrize("error", [ForbiddenError(403, "Forbidden", "exceeded quota"), InvalidError(422, "Invalid", "no")])
def test_a_pod_that_may_not_have_what_the_function_asks_for_is_ended(error: Exception) -> None:
    world = World()

    def before(method: str, path: str) -> None:
        if path.endswith("/resize"):
            raise error

    world.before = before
    world.run(until="retired")

    assert world.outcomes == ["moved", "resize_refused", "retired"]


@pytest.mark.parametrize(("reason", "ended"), [("Deferred", True), ("Infeasible", True), ("Other", False)])
def test_a_pod_that_its_node_has_no_room_for_is_ended(reason: str, ended: bool) -> None:
    world = World()
    condition = {"type": "PodResizePending", "status": "True", "reason": reason, "message": "node is full"}
    world.objects[POD]["status"] = {"conditions": [condition]}
    world.run(until="retired" if ended else "moved")

    assert (POD not in world.objects) == ended


def test_a_pod_that_is_gone_is_nobodys_business() -> None:
    world = World()
    del world.objects[POD]
    world.run(until="never")

    assert world.moved == []
    assert world.heard.words[-1] == "dropped u1", "the pod that was made in its place is wanted"


def test_a_pod_that_another_has_taken_and_that_is_gone_holds_nobody_back() -> None:
    world = World()
    del world.objects[POD]
    world.run(pause=True, until="never")

    assert world.heard.words == ["took u1", "dropped u1"]


def test_a_handover_that_is_given_up_holds_nobody_back() -> None:
    world = World()

    def before(method: str, path: str) -> None:
        if path == SCALE:
            raise KubeUnavailableError(0, "NoConnection", "no")

    world.before = before
    world.run(until="never")

    assert (world.moved, world.heard.words[-1]) == ([], "dropped u1")


def test_the_newest_replica_set_of_a_revision_is_the_one() -> None:
    sets = [replica_set(0, "r1", "2026-01-01T00:00:00Z"), replica_set(1, "r1", "2026-01-02T00:00:00Z"), replica_set(2, "r2")]

    assert adoption.find_replica_set(sets, "r1") is sets[1]
    assert adoption.find_replica_set(sets, "r3") is None


def calm(world: World, limit: str | None) -> None:
    code = {"inline": {"app.py": "x"}}
    world.spec = parse_function_spec({"runtime": "python3.11", "code": code, **({"cpu": {"limit": limit}} if limit else {})})

    async def scenario() -> None:
        adopter = KubeAdopter(world, lambda _key: world.spec, 100, 1000, world, world.heard)  # type: ignore[arg-type]
        adopter.calm(Identity("p1", "u1"), KEY)
        await adopter._tasks.finish()

    asyncio.run(scenario())


def test_a_limit_of_cpu_holds_once_the_function_is_initialised() -> None:
    world = World()
    calm(world, "500m")
    (container,) = world.objects[f"{POD}/resize"]["spec"]["containers"]

    assert container["resources"]["limits"] == {"memory": "256Mi", "cpu": "500m"}
    assert world.outcomes == ["calmed"]


@pytest.mark.parametrize("limit", [None, "1", "2"])
def test_a_pod_that_was_not_boosted_is_left_alone(limit: str | None) -> None:
    world = World()
    calm(world, limit)

    assert world.writes() == []
