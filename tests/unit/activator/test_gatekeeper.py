"""How gates are lifted: what is written, what is counted, and what becomes of writes that fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster import gatekeeper as gatekeeper_module
from lambent.activator.cluster.gatekeeper import Gatekeeper
from lambent.activator.pool.gates import LEFT_BEHIND_SECONDS, RETRY_SECONDS, view_pod
from lambent.kube.errors import ConflictError, KubeError
from lambent.kube.watch import Added, Deleted, Listed, WatchEvent
from tests.support.fake_kube import FakeKube, unavailable

KEY = FunctionKey("team", "hello")
POD = "/api/v1/namespaces/team/pods/a"


def a_pod(name: str = "a", *gates: str) -> dict[str, Any]:
    metadata = {"namespace": "team", "name": name, "uid": f"uid-{name}", "labels": {"lambent.dev/function": "hello"}}
    return {"metadata": metadata, "spec": {"schedulingGates": [{"name": gate} for gate in gates or ("lambent.dev/start",)]}}


class World(FakeKube):
    """A gatekeeper whose watch tells what `tell` is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, leads: bool = True) -> None:
        super().__init__()
        self.now = 100.0
        self.events: asyncio.Queue[WatchEvent[Any]] = asyncio.Queue()
        self.asked_for: list[Any] = []
        self.counted: list[str] = []
        self.keeper = Gatekeeper(self, lambda _: leads, lambda _: 0, self, lambda: self.now)  # type: ignore[arg-type]
        monkeypatch.setattr(gatekeeper_module, "watch_objects", self._watch)
        # Time is told by the test alone.
        monkeypatch.setattr(gatekeeper_module, "LOOK_SECONDS", 3600.0)

    async def _watch(self, _client: object, path: str, **options: Any) -> AsyncIterator[WatchEvent[Any]]:
        self.asked_for.append((path, options["label_selector"], options["field_selector"]))
        while True:
            yield await self.events.get()

    def gate_lifted(self, why: str) -> None:
        self.counted.append(why)

    def made_in_vain(self) -> None:
        self.counted.append("in vain")

    async def tell(self, *events: WatchEvent[Any]) -> None:
        for event in events:
            self.events.put_nowait(event)
        await self.settle()

    async def wait(self, seconds: float) -> None:
        self.now += seconds
        self.keeper._changed.set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    def run(self, scenario: Callable[[], Any]) -> None:
        async def all_of_it() -> None:
            tasks = [asyncio.ensure_future(work) for work in (self.keeper.watch(), self.keeper.tend())]
            await scenario()
            assert not any(task.done() for task in tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.keeper.close()

        asyncio.run(all_of_it())

    @property
    def writes(self) -> list[str]:
        return [path.rpartition("/")[2] for method, path, _ in self.calls if method == "PATCH"]


def added(*arguments: str) -> Added[Any]:
    return Added(view_pod(a_pod(*arguments)))


def test_a_pod_is_let_go_by_taking_its_own_gate_away(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.put(POD, a_pod("a", "others", "lambent.dev/start"))

    async def scenario() -> None:
        assert world.keeper.lifted_at(KEY) is None
        await world.tell(Listed(()), added("a", "others", "lambent.dev/start"))

    world.run(scenario)

    assert world.asked_for == [("/api/v1/pods", "lambent.dev/role=function", "spec.nodeName=")]
    assert world.objects[POD]["spec"]["schedulingGates"] == [{"name": "others"}]
    assert (world.writes, world.counted) == (["a"], ["wanted"])
    assert world.keeper.lifted_at(KEY) is not None


@pytest.mark.parametrize("stands", ["gone", "another", "lifted", "moved"])
def test_a_gate_that_another_has_lifted_is_nobodys_business(
    stands: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(monkeypatch)
    if stands == "another":
        world.put(POD, {**a_pod(), "metadata": {**a_pod()["metadata"], "uid": "other"}})
    elif stands != "gone":
        world.put(POD, a_pod("a", "others", *(["lambent.dev/start"] if stands == "moved" else [])))

    async def scenario() -> None:
        await world.tell(added())

    with caplog.at_level(logging.INFO):
        world.run(scenario)

    assert (world.counted, caplog.messages) == ([], [])
    if stands != "gone":
        assert world.objects[POD]["spec"]["schedulingGates"], "nothing was taken away"


@pytest.mark.parametrize("error", [unavailable(), ConflictError(409, "Conflict", "no")])
def test_a_write_that_fails_is_done_again(error: KubeError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    world = World(monkeypatch)
    world.put(POD, a_pod())
    failures = iter([error])

    def before(_method: str, _path: str) -> None:
        for each in failures:
            raise each

    world.before = before

    async def scenario() -> None:
        await world.tell(added())
        await world.wait(RETRY_SECONDS / 2)
        assert world.writes == ["a"]
        await world.wait(RETRY_SECONDS / 2)

    world.run(scenario)

    assert (world.writes, world.counted) == (["a", "a"], ["wanted"])
    assert [message for message in caplog.messages if "trying again" not in message] == []


def test_a_pod_made_in_vain_is_not_touched_and_counted_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.put(POD, a_pod())

    async def scenario() -> None:
        world.keeper.took(KEY, "u1")
        await world.tell(added())
        world.keeper.moved(KEY, "u1")
        await world.settle()
        assert world.writes == []
        await world.tell(Deleted(view_pod(a_pod())))

    world.run(scenario)

    assert (world.writes, world.counted) == ([], ["in vain"])


def test_pods_in_vain_are_counted_by_one_activator(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, leads=False)

    async def scenario() -> None:
        await world.tell(added(), Deleted(view_pod(a_pod())))

    world.run(scenario)

    assert world.counted == []


def test_a_handover_that_comes_to_nothing_lets_its_pod_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.put(POD, a_pod())

    async def scenario() -> None:
        world.keeper.took(KEY, "u1")
        await world.tell(added())
        assert world.writes == []
        world.keeper.dropped(KEY, "u1")
        await world.settle()

    world.run(scenario)

    assert world.counted == ["wanted"]


def test_a_pod_that_is_left_behind_is_counted_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.put(POD, a_pod())

    async def scenario() -> None:
        world.keeper.took(KEY, "u1")
        await world.tell(added())
        await world.wait(LEFT_BEHIND_SECONDS)

    world.run(scenario)

    assert world.counted == ["left_behind"]
