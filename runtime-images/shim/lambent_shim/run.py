"""Puts the parts together and runs them until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import uvloop

from lambent_shim.boot import Started
from lambent_shim.limits import descendants
from lambent_shim.link.dialer import Dialer
from lambent_shim.link.links import Links
from lambent_shim.served_function import Function
from lambent_shim.telemetry.status import serve_status
from lambent_shim.telemetry.stream import LogStream

if TYPE_CHECKING:
    from lambent_shim.generic_pod import Pool

_PONG_SECONDS: Final = 1.0
_TERM_SECONDS: Final = 0.5
_LOG_SECONDS: Final = 1.0


def run(started: Started) -> int:
    """The shim's life; returns the exit status."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_live(started, loop))
    finally:
        if os.getpid() != 1:
            descendants.end_all()  # PID 1 takes its container with it; without one, what a handler has left behind would live on
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # orphans may end until the last moment
        loop.close()


async def _live(started: Started, loop: asyncio.AbstractEventLoop) -> int:
    configuration = started.configuration
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stream = LogStream(loop, sys.stdout.fileno())
    lost: list[str] = []
    pod: Function | Pool

    def read_token() -> str:
        return _read_token(configuration.token_file)

    def say(text: str) -> None:
        pod.log.note(text)

    def lose(why: str) -> None:
        lost.append(why)
        stop.set()

    links = Links(configuration, started_at=started.started_at, read_token=read_token, used=started.used)
    dialer = Dialer(links, configuration.activators, say)
    links.on_peers = dialer.set_peers
    links.on_closed = dialer.forget
    if configuration.pool:
        from lambent_shim.generic_pod import Pool  # noqa: PLC0415 - other pods need none of it

        # Who is linked can become something at once: that is what activators choose by.
        pod = Pool(started, loop, links, stream, on_prepared=dialer.start, on_lost=lose)
    else:
        pod = Function(configuration, started.environment, loop, links, stream, on_lost=lose)
        pod.start(started.prepared_pid, started.prepared, started.candidate)
        dialer.start()
    # uvloop keeps SIGCHLD for subprocesses of its own, of which the shim has none; it runs Python's handlers all the same.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: loop.call_soon_threadsafe(pod.reap))
    pod.reap()
    port = configuration.status_port
    status = await serve_status(port, pod.why_not_ready, _metrics_of(pod, links)) if port else None
    await stop.wait()
    if lost:
        pod.log.note(f"{lost[0]}: the pod ends with it")
    await _leave(pod, links, dialer)
    if status is not None:
        status.close()
    stream.close(_LOG_SECONDS)
    return 1 if lost else 0


def _metrics_of(pod: Function | Pool, links: Links) -> Callable[[], tuple[bytes, str]]:
    def render() -> tuple[bytes, str]:
        from lambent_shim.telemetry import metrics  # noqa: PLC0415 - prometheus-client is for the first scrape to load

        configuration = pod.configuration
        labels = {"namespace": configuration.namespace, "function": configuration.function, "revision": configuration.revision}
        return metrics.render(pod.tally, links.bounced, labels)

    return render


def _read_token(path: str) -> str:
    if not path:
        return ""
    try:
        with open(path) as file:  # noqa: PTH123 - pathlib is not loaded otherwise
            return file.read().strip()
    except OSError:
        return ""  # the activator refuses the hello and says why; the kubelet may be writing the file just now


async def _leave(pod: Function | Pool, links: Links, dialer: Dialer) -> None:
    """DRAINING, what runs, then the processes."""
    changed = asyncio.Event()
    links.on_change = changed.set
    links.drain()
    asyncio.get_running_loop().call_later(_PONG_SECONDS, _give_up_on_pongs, links)
    while not links.quiet:
        changed.clear()
        await changed.wait()
    await dialer.close()
    for link in list(links.open):
        link.disconnect()
    pod.terminate(signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + _TERM_SECONDS
    while any(True for _ in pod.processes) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.005)
        pod.reap()
    pod.terminate(signal.SIGKILL)
    pod.reap()


def _give_up_on_pongs(links: Links) -> None:
    links.drained |= links.open
    links.on_change()
