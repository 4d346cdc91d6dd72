"""All that serves one function, put together: at the pod's start, or when a generic pod becomes it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lambent_shim.configuration import Configuration
from lambent_shim.limits.cgroup import open_container_memory
from lambent_shim.limits.shared_memory import DEVICE_SHM, SharedMemory
from lambent_shim.link.links import Links
from lambent_shim.supervisor import Supervisor
from lambent_shim.telemetry.counters import Tally
from lambent_shim.telemetry.platform_lines import PlatformLines
from lambent_shim.telemetry.stream import LogStream
from lambent_shim.workers import failures
from lambent_shim.workers.memory_watch import MemoryWatch
from lambent_shim.workers.pod_log import PodLog
from lambent_shim.workers.process import Process
from lambent_shim.workers.spawn import Ends, read_sharing, spawn_prepared
from lambent_shim.workers.workers import Crew

_LEAST_INIT_SECONDS: Final = 10.0
"""Lambda's limit of an initialisation (developer guide, "Lambda execution environment lifecycle")."""


def build_log(configuration: Configuration, stream: LogStream) -> PodLog:
    """The pod's log in the function's format; Text where there is none yet."""
    as_json = configuration.log_format == "JSON"
    runtime = f"{configuration.runtime.replace('python', 'python:')}"
    platform = PlatformLines(as_json=as_json, system_level=configuration.system_level, version=configuration.version, runtime=runtime)
    return PodLog(stream.write, platform, as_json=as_json)


def open_shared_memory(configuration: Configuration) -> SharedMemory:
    """The container's, where this is PID 1 of one; outside of one, only what the configuration names is the function's."""
    if os.getpid() != 1:
        return SharedMemory(configuration.memory_folders, None)
    return SharedMemory((DEVICE_SHM, *configuration.memory_folders), open_container_memory())


class Function:
    """One function in its pod; invocations come from `links`. `on_lost` is told why the pod can serve no more."""

    def __init__(
        self,
        configuration: Configuration,
        environment: Mapping[str, str],
        loop: asyncio.AbstractEventLoop,
        links: Links,
        stream: LogStream,
        *,
        on_lost: Callable[[str], None],
    ) -> None:
        self.configuration = configuration
        self.log = build_log(configuration, stream)
        supervisor = links.runner = Supervisor(configuration, loop, self.log, links, on_lost=on_lost)

        def respawn() -> tuple[int, Ends]:
            return spawn_prepared(configuration, environment)

        crew = Crew(
            loop,
            supervisor,
            slots=configuration.concurrency,
            init_limit_seconds=max(_LEAST_INIT_SECONDS, configuration.timeout_seconds),
            timed_out=failures.time_out(configuration.timeout_seconds),
            sharing=read_sharing(configuration.sharing),
            respawn=respawn,
        )
        supervisor.crew = crew
        supervisor.watch = MemoryWatch(
            loop,
            limit_mib=configuration.memory_mib,
            active=lambda: supervisor.active,
            template=lambda: crew.lineage.template,
            living=lambda: crew.processes,
            shared=open_shared_memory(configuration),
            on_excess=supervisor.exceed_memory,
            storage=configuration.storage,
            on_storage_excess=supervisor.exceed_storage,
            on_removed=self.log.note,
            on_processes=supervisor.exceed_processes,
        )
        stream.on_pressure = supervisor.hold_output
        self._supervisor = supervisor
        self._crew = crew

    def start(self, prepared_pid: int, prepared: Ends, candidate: Ends) -> None:
        """Go on with a prepared interpreter that has just been spawned, and has been ordered to import the handler."""
        self.log.init_start()
        self._crew.lineage.adopt_prepared(prepared_pid, prepared)
        self._crew.lineage.adopt_candidate(candidate)
        self._crew.reap()

    def take_over(self, prepared: Process, candidate: Process, apart: Ends) -> None:
        """Go on with a generic pod's processes; the candidate has just been told what to import, and to fork a template off."""
        self.log.init_start()
        self._crew.take_over(prepared, candidate, apart)
        self._crew.reap()

    @property
    def tally(self) -> Tally:
        """What is counted."""
        return self._supervisor.tally

    def why_not_ready(self) -> str:
        """What an invocation sent now would miss; empty when it would be served."""
        return self._supervisor.why_not_ready()

    def reap(self) -> None:
        """Collect every child that has ended (SIGCHLD)."""
        self._crew.reap()

    @property
    def processes(self) -> Iterator[Process]:
        """All that live."""
        return self._crew.processes

    def terminate(self, number: signal.Signals) -> None:
        """Send a signal to every process group; none is started any more."""
        self._crew.terminate(number)
