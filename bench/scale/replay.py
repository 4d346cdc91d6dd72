"""Calls functions as a workload says, through the activator's Lambda API, and notes how each call went."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp

from bench.report import quantile
from bench.scale.functions import name_of
from bench.scale.workload import Call
from lambent.api.names import function_arn


@dataclass
class Replayed:
    """What became of the calls; `extra` is each answered call's time beyond its handler's, in seconds."""

    extra: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    late: float = 0.0
    """The worst delay of this process in sending a call."""

    def quantile_ms(self, share: float) -> float:
        """Return a quantile of the extra time, in milliseconds."""
        return quantile(self.extra, share) * 1000.0 if self.extra else float("nan")


async def replay(calls: Sequence[Call], port: int) -> Replayed:
    """Send every call at its time and wait for all answers."""
    result = Replayed()
    began = time.monotonic()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
        for call in calls:
            wait = began + call.at - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            result.late = max(result.late, -wait)
            tasks.create_task(_send(session, port, call, result))
    return result


def url_of(number: int, port: int) -> str:
    """Where the number-th Function is invoked."""
    name = name_of(number)
    return f"http://127.0.0.1:{port}/2015-03-31/functions/{quote(function_arn(name.name, name.namespace), safe='')}/invocations"


async def _send(session: aiohttp.ClientSession, port: int, call: Call, result: Replayed) -> None:
    sent = time.monotonic()
    try:
        async with session.post(url_of(call.number, port), data=json.dumps({"seconds": call.seconds})) as answer:
            await answer.read()
            reason = answer.headers.get("X-Lambent-Reason", "") if answer.status != 200 else answer.headers.get("X-Amz-Function-Error", "")
            if answer.status != 200 or reason:
                result.failures[f"{answer.status} {reason}".strip()] += 1
            else:
                result.extra.append(time.monotonic() - sent - call.seconds)
    except (aiohttp.ClientError, TimeoutError) as error:
        result.failures[type(error).__name__] += 1
