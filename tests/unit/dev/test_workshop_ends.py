"""The end of a workshop, at any moment of a process's start."""

from __future__ import annotations

import asyncio

import pytest

from lambent.api.functions.function import parse_function
from lambent.dev.manifests import Manifests
from lambent.dev.revision import Revision
from lambent.dev.workshop import Workshop

BODY = {
    "apiVersion": "lambent.dev/v1alpha1",
    "kind": "Function",
    "metadata": {"name": "hello"},
    "spec": {"runtime": "python3.11", "handler": "app.handler", "code": {"inline": {"app.py": "x"}}},
}


class FakeProcess:
    """Ends when it is stopped, or only when it is killed."""

    def __init__(self, revision: Revision, *, stubborn: bool) -> None:
        self.revision = revision
        self.name = "hello-1"
        self.stubborn = stubborn
        self.done: list[str] = []
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        return not self.done

    def stop(self) -> None:
        self.done.append("stop")
        if not self.stubborn:
            self.ended.set_result(0)

    def kill(self) -> None:
        self.done.append("kill")
        self.ended.set_result(-9)


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_process_that_comes_up_while_all_ends_is_waited_for(stubborn: bool) -> None:
    async def run() -> FakeProcess:
        asked, go = asyncio.Event(), asyncio.Event()
        started: list[FakeProcess] = []

        async def start(revision: Revision, _number: int) -> FakeProcess:
            asked.set()
            await go.wait()
            started.append(FakeProcess(revision, stubborn=stubborn))
            return started[0]

        workshop = Workshop(start, lambda _text: None)  # type: ignore[arg-type]
        function = parse_function(BODY)
        workshop.take(Manifests(functions={(function.namespace, function.name): function}))
        await asked.wait()
        closing = asyncio.ensure_future(workshop.close(0.05))
        asyncio.get_running_loop().call_soon(go.set)
        await closing
        return started[0]

    process = asyncio.run(run())

    assert process.done == (["stop", "kill"] if stubborn else ["stop"])
