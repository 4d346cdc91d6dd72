"""The edge of leader election: it holds the lease, lets go of it, and stops acting by the clock alone. No real time passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from lambent.kube.client import KubeClient
from lambent.kube.lease import LeaderElection, parse_lease
from lambent.kube.lease_decision import LeaseRecord
from tests.support.fake_kube import FakeKube, unavailable

PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/autoscaler"


class SimulatedTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer as soon as nothing else is to do."""

    def __init__(self) -> None:
        super().__init__()
        self.simulated = 0.0

    def time(self) -> float:
        return self.simulated

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.simulated = max(self.simulated, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=SimulatedTime) as runner:
        runner.run(test())


def candidate(fake: FakeKube, name: str, changes: list[tuple[str, bool]] | None = None) -> LeaderElection:
    def told(leads: bool) -> None:
        if changes is not None:
            changes.append((name, leads))

    clock = asyncio.get_running_loop().time
    return LeaderElection(cast("KubeClient", fake), "system", "autoscaler", name, on_change=told, clock=clock)


def holder(fake: FakeKube) -> str:
    return str(fake.objects[PATH]["spec"]["holderIdentity"])


def test_the_first_one_leads_and_the_second_waits() -> None:
    async def test() -> None:
        fake, changes = FakeKube(), cast("list[tuple[str, bool]]", [])
        first, second = candidate(fake, "a", changes), candidate(fake, "b", changes)
        tasks = [asyncio.create_task(first.run())]
        await first.wait_until_leader()
        tasks.append(asyncio.create_task(second.run()))
        await asyncio.sleep(60)
        assert (first.is_leader, second.is_leader, second.leader, changes) == (True, False, "a", [("a", True)])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_who_leads_renews_by_one_write_and_reads_after_it_met_another() -> None:
    async def test() -> None:
        fake = FakeKube()
        leader = candidate(fake, "a")
        leading = asyncio.create_task(leader.run())
        await leader.wait_until_leader()
        fake.calls.clear()
        await asyncio.sleep(5.5)
        assert [method for method, _, _ in fake.calls] == ["PUT"] * 5
        # Somebody has labelled the Lease: another version of it, with the same holder.
        fake.put(PATH, {**fake.objects[PATH], "metadata": {**fake.objects[PATH]["metadata"], "labels": {"a": "b"}}})
        fake.calls.clear()
        await asyncio.sleep(1.0)
        assert [method for method, _, _ in fake.calls] == ["PUT", "GET", "PUT"]
        assert leader.is_leader
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)

    run(test)


def test_one_that_resigns_is_replaced_within_a_look() -> None:
    async def test() -> None:
        fake = FakeKube()
        first, second = candidate(fake, "a"), candidate(fake, "b")
        leading = asyncio.create_task(first.run())
        await first.wait_until_leader()
        waiting = asyncio.create_task(second.run())
        await asyncio.sleep(2.5)
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        assert not first.is_leader
        assert holder(fake) == ""
        began = asyncio.get_running_loop().time()
        await second.wait_until_leader()
        assert asyncio.get_running_loop().time() - began <= 1.0
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    run(test)


def test_one_that_is_cut_off_stops_before_the_other_begins() -> None:
    async def test() -> None:
        fake, changes = FakeKube(), cast("list[tuple[str, bool]]", [])
        cut_off = False

        class CutOff(FakeKube):
            """Shares the objects; every call fails while cut off."""

            def _called(self, method: str, path: str, body: Any) -> None:
                if cut_off:
                    raise unavailable(method, path)
                fake._called(method, path, body)
                self.version = fake.version = max(self.version, fake.version)

            def put(self, path: str, body: Any) -> Any:
                return fake.put(path, body)

        mine = CutOff()
        mine.objects = fake.objects
        first, second = candidate(mine, "a", changes), candidate(fake, "b", changes)
        tasks = [asyncio.create_task(first.run())]
        await first.wait_until_leader()
        tasks.append(asyncio.create_task(second.run()))
        await asyncio.sleep(2)
        cut_off = True
        began = asyncio.get_running_loop().time()
        await second.wait_until_leader()
        assert asyncio.get_running_loop().time() - began < 7.0
        assert changes == [("a", True), ("a", False), ("b", True)]
        cut_off = False
        await asyncio.sleep(5)
        assert (first.is_leader, second.is_leader) == (False, True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_a_lease_that_is_deleted_is_made_again() -> None:
    async def test() -> None:
        fake = FakeKube()
        only = candidate(fake, "a")
        task = asyncio.create_task(only.run())
        await only.wait_until_leader()
        del fake.objects[PATH]
        await asyncio.sleep(2.5)
        assert only.is_leader
        assert holder(fake) == "a"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(test)


def test_a_lease_made_by_hand_counts_as_given_up() -> None:
    assert parse_lease({"metadata": {"resourceVersion": "5"}}) == LeaseRecord("5", "", 0.0, 0)
