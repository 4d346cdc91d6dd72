"""An activator as a process of its own, with functions from its arguments and nothing behind it that starts pods.

`python -m tests.support.activator_process '{"functions": [...], "limits": {...}, "front": {...}}'` prints
`{"http": PORT, "links": PORT}` and serves until SIGTERM. Lines on stdin change it: `{"peers": [...]}`, `{"function": {...}}`. What it asks
for and hears is a line on stdout each: `{"start": NAME, "replicas": N}`, `{"initialized": NAME, "outcome": …}`. To `{"figures": true}` on
stdin it says what it holds: `{"figures": {"receiving": …, "connections": …, "residentKiB": …, …}}`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry

from lambent.activator.activator import Activator
from lambent.activator.admission.model import FunctionKey, Limits
from lambent.activator.front.limits import FrontLimits
from lambent.activator.links.hello import Hello, Identity
from lambent.api.functions.function import parse_function
from lambent.api.functions.status import Initialization
from lambent.api.triggers.trigger import parse_trigger
from lambent.telemetry.activator_metrics import ActivatorMetrics
from lambent.telemetry.logs import configure_logging


class Surroundings:
    """Provisioner, verifier and reporter: says what is asked of it."""

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        say({"start": function.name, "replicas": replicas})

    def raised_at(self, function: FunctionKey) -> float | None:
        return None

    async def verify(self, hello: Hello) -> Identity:
        return Identity(hello.pod, hello.pod)

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        say({"initialized": function.name, "outcome": outcome.outcome, "errorType": outcome.error_type})


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def figures(activator: Activator) -> dict[str, int]:
    """What is held, and the process' resident memory."""
    front = activator.front.figures()
    status = Path("/proc/self/status").read_text()
    return {
        "receiving": front.receiving_bytes,
        "unread": front.unread_bytes,
        "connections": front.connections,
        "queued": activator.admission.queued,
        "running": activator.admission.running,
        "residentKiB": next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")),
    }


async def main(options: dict[str, Any]) -> None:
    configure_logging("WARNING", "TEXT", sys.stderr)
    surroundings = Surroundings()
    limits = Limits(**options.get("limits", {}))
    activator = Activator(
        limits,
        surroundings,
        surroundings,
        surroundings,
        ActivatorMetrics(CollectorRegistry()),
        identity=options.get("identity", "a"),
        front_limits=FrontLimits(**options.get("front", {})),
    )
    await activator.start_links("127.0.0.1", 0)
    await activator.start_http("127.0.0.1", 0)
    for function in options.get("functions", ()):
        activator.configuration.put_function(parse_function(function))
    for trigger in options.get("triggers", ()):
        activator.configuration.put_trigger(parse_trigger(trigger))
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def read() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(sys.stdin)
            return
        change = json.loads(line)
        if "peers" in change:
            activator.exchange.set_peers(change["peers"])
        if "function" in change:
            activator.configuration.put_function(parse_function(change["function"]))
        if "figures" in change:
            say({"figures": figures(activator)})

    loop.add_reader(sys.stdin, read)
    say({"http": activator.http_port, "links": activator.link_port})
    await stop.wait()
    await activator.close(10)


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1])))
