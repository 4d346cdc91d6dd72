"""A steady rate of requests, whatever becomes of those before: an open loop, as many clients make it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import aiohttp

from tests.e2e.faults import ledger
from tests.e2e.faults.ledger import Call

PATIENCE_SECONDS: Final = 60.0


class SteadyLoad:
    """Requests from a thread of their own, for as long as the with-block runs; a connection for each."""

    def __init__(self, endpoint: str, namespace: str, choose: Callable[[int], str], rate: float, name: str) -> None:
        """`choose` names the function of the n-th request; `name` begins every id."""
        self._endpoint = endpoint
        self._namespace = namespace
        self._choose = choose
        self._rate = rate
        self._name = name
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="steady-load")
        self.calls: list[Call] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def answered_since(self, moment: float) -> int:
        """How many requests that were sent after a time were answered well."""
        return sum(call.outcome == ledger.OK and call.sent >= moment for call in self.calls)

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        began, number, under_way = time.monotonic(), 0, set[asyncio.Task[None]]()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=timeout) as session:
            while not self._stopped.is_set():
                task = asyncio.create_task(self._call(session, number))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                number += 1
                await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))
            await asyncio.gather(*under_way)

    async def _call(self, session: aiohttp.ClientSession, number: int) -> None:
        name, sent = f"{self._name}-{number}", time.time()
        arn = quote(f"arn:aws:lambda:us-east-1:{self._namespace}:function:{self._choose(number)}", safe="")
        outcome, answer = ledger.OK, {}
        try:
            async with session.post(f"{self._endpoint}/2015-03-31/functions/{arn}/invocations", data=json.dumps({"id": name})) as response:
                body = await response.read()
                if response.status != 200 or "X-Amz-Function-Error" in response.headers:
                    outcome = response.headers.get("X-Lambent-Reason", f"status {response.status}")
                else:
                    answer = json.loads(body)
        except aiohttp.ClientConnectorError:
            outcome = ledger.NOT_CONNECTED
        except TimeoutError:
            outcome = ledger.NO_ANSWER
        except aiohttp.ClientError:
            outcome = ledger.BROKEN
        self.calls.append(Call(name, sent, time.time(), outcome, answer.get("id", ""), answer.get("run", "")))
