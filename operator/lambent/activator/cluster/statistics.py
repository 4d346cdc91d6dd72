"""Figures for the autoscaler: pushed to every address of it at a fixed interval, active functions only (docs/decisions/0002).

A push that fails is not repeated: the next one, an interval later, says more. Nothing here ever delays an invocation.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import aiohttp

from lambent.activator.admission.admission import Observed
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import Failed

PATH = "/statistics"
RESOLVE_SECONDS = 5.0
PUSH_SECONDS = 1.0
HEARTBEAT_SECONDS = 1.0
TOKEN_SECONDS = 60.0

_log = logging.getLogger("lambent.activator.cluster.statistics")


def build_push(activator: str, sequence: int, interval_seconds: float, observed: Iterable[Observed]) -> bytes:
    """One push's JSON. Pure."""
    functions = [
        {
            "namespace": each.function.namespace,
            "name": each.function.name,
            "concurrency": round(each.concurrency, 4),
            "queued": each.queued,
            "requests": each.requests,
            "ready": each.ready,
            "starts": each.starts,
        }
        for each in observed
    ]
    push = {"activator": activator, "sequence": sequence, "intervalSeconds": round(interval_seconds, 4), "functions": functions}
    return json.dumps(push, separators=(",", ":")).encode()


class StatisticsPusher:
    """`read` gives the figures since it was last called."""

    def __init__(
        self,
        address: str,
        activator: str,
        interval_seconds: float,
        read: Callable[[float], list[Observed]],
        token_file: Path | None,
        *,
        failed: Failed | None = None,
    ) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._activator = activator
        self._interval = interval_seconds
        self._read = read
        self._token_file = token_file
        self._token = ""
        self._token_read_at = float("-inf")
        self._receivers: tuple[str, ...] = ()
        self._busy = KeyedTasks("pushing statistics", failed)
        self._failing: set[str] = set()

    async def run(self) -> None:
        """Without end."""
        loop = asyncio.get_running_loop()
        timeout = aiohttp.ClientTimeout(total=PUSH_SECONDS)
        sequence = 0
        last = resolved_at = pushed_at = float("-inf")
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=8)) as session:
            last = loop.time()
            while True:
                await asyncio.sleep(self._interval)
                now = loop.time()
                if now - resolved_at >= RESOLVE_SECONDS:
                    resolved_at = now
                    await self._resolve()
                observed = self._read(now)
                if not observed and now - pushed_at < HEARTBEAT_SECONDS:
                    last = now
                    continue
                sequence += 1
                body = build_push(self._activator, sequence, now - last, observed)
                last = pushed_at = now
                for receiver in self._receivers:
                    # One that does not keep up misses pushes rather than piling them up here.
                    self._busy.start(partial(self._push, session, receiver, body), receiver)

    async def _resolve(self) -> None:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            if self._receivers:
                _log.info("autoscalers not found: %s", error)
            self._receivers = ()
            return
        self._receivers = tuple(sorted({_url(str(address[4][0]), int(address[4][1])) for address in found}))

    async def _push(self, session: aiohttp.ClientSession, receiver: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._read_token()}"}
        try:
            async with session.post(receiver, data=body, headers=headers) as response:
                await response.read()
                problem = f"status {response.status}" if response.status >= 300 else ""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = str(error) or type(error).__name__
        if problem and receiver not in self._failing:
            self._failing.add(receiver)
            _log.warning("autoscaler takes no statistics: %s", problem, extra={"receiver": receiver})
        elif not problem:
            self._failing.discard(receiver)

    def _read_token(self) -> str:
        now = asyncio.get_running_loop().time()
        if self._token_file is not None and now - self._token_read_at >= TOKEN_SECONDS:
            try:
                # A kilobyte in memory (tmpfs): quicker than handing it to a thread.
                self._token = self._token_file.read_text().strip()
                self._token_read_at = now
            except OSError as error:
                self._token_read_at = now
                _log.warning("this activator's token cannot be read: %s", error)
        return self._token


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"
