"""Background tasks are started anew, or end the process; short ones are one for each key, and tell of their failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from lambent.kube.backoff import Backoff
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import BackgroundError, Supervisor

AT_ONCE = Backoff(first_seconds=0.0, longest_seconds=0.0)


class World:
    """A supervisor, what it counted, and a task that does what `does` says, one entry a run."""

    def __init__(self, *does: str, tries: int = 10) -> None:
        self.counted: list[str] = []
        self.runs = 0
        self.does = does
        self.supervisor = Supervisor(self.counted.append, tries=tries, backoff=AT_ONCE)
        self.steady = asyncio.Event()

    async def work(self) -> None:
        self.runs += 1
        what = self.does[self.runs - 1] if self.runs <= len(self.does) else "go on"
        if what == "fail":
            raise ZeroDivisionError
        if what == "be cancelled":
            await cancelled()
        if what == "go on":
            self.steady.set()
            await asyncio.Event().wait()


async def cancelled() -> None:
    """What awaits a task that somebody else has cancelled is told so as if it were cancelled itself."""
    task = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


def in_a_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(run())


@pytest.mark.parametrize("what", ["fail", "return", "be cancelled"])
def test_a_task_that_fails_or_ends_is_started_anew_and_counted(what: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        world = World(what, what)
        world.supervisor.start("watch", world.work)
        await world.steady.wait()
        await world.supervisor.close()
        assert (world.runs, world.counted) == (3, ["watch", "watch"])

    in_a_loop(scenario)
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 2


def test_a_task_that_fails_again_and_again_ends_the_process_by_its_error() -> None:
    async def scenario() -> None:
        world = World(*["fail"] * 9, tries=3)
        world.supervisor.start("watch", world.work)
        with pytest.raises(BackgroundError, match="watch has failed, 3 times in a row") as raised:
            await world.supervisor.wait()
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        assert world.runs == 3

    in_a_loop(scenario)


def test_a_task_that_cannot_be_started_anew_ends_the_process_at_once() -> None:
    async def scenario() -> None:
        world = World("return")
        world.supervisor.start("workers", world.work, restart=False)
        with pytest.raises(BackgroundError, match="workers has ended by itself"):
            await world.supervisor.wait()
        assert world.counted == ["workers"]

    in_a_loop(scenario)


def test_closing_ends_all_without_counting_them() -> None:
    async def scenario() -> None:
        world = World()
        world.supervisor.start("watch", world.work)
        with pytest.raises(ValueError, match="runs already"):
            world.supervisor.start("watch", world.work)
        await world.steady.wait()
        await world.supervisor.close()
        assert world.counted == []
        assert world.supervisor.names == []

    in_a_loop(scenario)


def test_there_is_one_task_for_each_key_and_any_number_without() -> None:
    async def scenario() -> None:
        tasks, go, done = KeyedTasks("writing"), asyncio.Event(), []

        async def work(what: str) -> None:
            await go.wait()
            done.append(what)

        assert tasks.start(lambda: work("first"), "a")
        assert not tasks.start(lambda: work("second"), "a")
        assert "a" in tasks
        assert tasks.start(lambda: work("x"))
        assert tasks.start(lambda: work("y"))
        assert len(tasks) == 3
        go.set()
        await tasks.finish()
        assert done == ["first", "x", "y"]
        assert tasks.start(lambda: work("second"), "a")
        await tasks.finish()
        assert "a" not in tasks

    in_a_loop(scenario)


def test_a_key_is_free_as_soon_as_its_task_is_done() -> None:
    """Between a task's last step and its callback there may be others, who want the same."""

    async def scenario() -> None:
        tasks: KeyedTasks = KeyedTasks("writing")
        runs: list[int] = []

        async def work() -> None:
            runs.append(len(runs))
            if len(runs) == 1:
                asyncio.get_running_loop().call_soon(lambda: tasks.start(work, "a"))

        tasks.start(work, "a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert runs == [0, 1]

    in_a_loop(scenario)


def test_a_short_task_that_fails_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        counted: list[str] = []
        tasks = KeyedTasks("writing", counted.append)

        async def fail() -> None:
            raise ZeroDivisionError

        tasks.start(fail, "a")
        await tasks.finish()
        await asyncio.sleep(0)
        assert counted == ["writing"]
        assert len(tasks) == 0

    in_a_loop(scenario)
    assert "writing of a has failed" in caplog.text


def test_closing_gives_up_short_tasks_those_too_that_have_not_begun() -> None:
    async def scenario() -> None:
        counted: list[str] = []
        tasks = KeyedTasks("writing", counted.append)
        for key in range(3):
            tasks.start(asyncio.Event().wait, key)
        await tasks.close()
        assert (len(tasks), counted) == (0, [])

    in_a_loop(scenario)
