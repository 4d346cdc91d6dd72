"""Puts the parts together and runs them until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvloop

from lambent_shim import descendants
from lambent_shim.boot import Started
from lambent_shim.crew import Crew
from lambent_shim.dialer import Dialer
from lambent_shim.links import Links
from lambent_shim.logstream import LogStream
from lambent_shim.podlog import PodLog
from lambent_shim.report import PlatformLines
from lambent_shim.spawn import Ends, spawn_prepared
from lambent_shim.status import serve_status
from lambent_shim.supervisor import Supervisor
from lambent_shim.watch import MemoryWatch

_LEAST_INIT_SECONDS: Final = 10.0
"""Lambda's limit of an initialisation (developer guide, "Lambda execution environment lifecycle")."""
_PONG_SECONDS: Final = 1.0
_TERM_SECONDS: Final = 0.5
_LOG_SECONDS: Final = 1.0


def run(started: Started) -> int:
    """The shim's life; returns the exit status."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_live(started, loop))
    finally:
        if os.getpid() != 1:
            descendants.end_all()  # PID 1 takes its container with it; without one, what a handler has left behind would live on
        loop.close()
    return 0


async def _live(started: Started, loop: asyncio.AbstractEventLoop) -> None:
    configuration = started.configuration
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    as_json = configuration.log_format == "JSON"
    runtime = f"{configuration.runtime.replace('python', 'python:')}"
    platform = PlatformLines(as_json=as_json, system_level=configuration.system_level, version=configuration.version, runtime=runtime)
    stream = LogStream(loop, sys.stdout.fileno())
    log = PodLog(stream.write, platform, as_json=as_json)
    links = Links(configuration, started_at=started.started_at, read_token=lambda: _read_token(configuration.token_file))
    supervisor = links.runner = Supervisor(configuration, loop, log, links)

    def respawn() -> tuple[int, Ends]:
        return spawn_prepared(configuration.python, configuration.runtime_dir, configuration.layers_dir, started.environment)

    crew = Crew(
        loop,
        supervisor,
        slots=configuration.concurrency,
        init_limit_seconds=max(_LEAST_INIT_SECONDS, configuration.timeout_seconds),
        respawn=respawn,
    )
    supervisor.crew = crew
    supervisor.watch = MemoryWatch(
        loop,
        limit_mib=configuration.memory_mib,
        active=lambda: supervisor.active,
        template=lambda: crew.lineage.template,
        on_excess=supervisor.exceed_memory,
    )
    stream.on_pressure = supervisor.hold_output
    # uvloop keeps SIGCHLD for subprocesses of its own, of which the shim has none; it runs Python's handlers all the same.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: loop.call_soon_threadsafe(crew.reap))
    log.init_start()
    crew.lineage.adopt_prepared(started.prepared_pid, started.prepared)
    crew.lineage.adopt_candidate(started.candidate)
    crew.reap()
    dialer = Dialer(links, configuration.activators, log.note)
    links.on_peers = dialer.set_peers
    links.on_closed = dialer.forget
    dialer.start()
    status = (
        await serve_status(configuration.status_port, supervisor.why_not_ready, _metrics_of(supervisor))
        if configuration.status_port
        else None
    )
    await stop.wait()
    await _leave(supervisor, dialer)
    if status is not None:
        status.close()
    stream.close(_LOG_SECONDS)


def _metrics_of(supervisor: Supervisor) -> Callable[[], tuple[bytes, str]]:
    configuration = supervisor.configuration
    labels = {"namespace": configuration.namespace, "function": configuration.function, "revision": configuration.revision}

    def render() -> tuple[bytes, str]:
        from lambent_shim import metrics  # noqa: PLC0415 - prometheus-client is for the first scrape to load

        return metrics.render(supervisor.tally, supervisor.links.bounced, labels)

    return render


def _read_token(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""  # the activator refuses the hello and says why; the kubelet may be writing the file just now


async def _leave(supervisor: Supervisor, dialer: Dialer) -> None:
    """DRAINING, what runs, then the processes."""
    changed = asyncio.Event()
    links = supervisor.links
    links.on_change = changed.set
    links.drain()
    asyncio.get_running_loop().call_later(_PONG_SECONDS, _give_up_on_pongs, links)
    while not links.quiet:
        changed.clear()
        await changed.wait()
    await dialer.close()
    for link in list(links.open):
        link.disconnect()
    crew = supervisor.crew
    crew.terminate(signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + _TERM_SECONDS
    while any(True for _ in crew.processes) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.005)
        crew.reap()
    crew.terminate(signal.SIGKILL)
    crew.reap()


def _give_up_on_pongs(links: Links) -> None:
    links.drained |= links.open
    links.on_change()
