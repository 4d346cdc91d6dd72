"""Where faults strike: two functions under a steady load, one warm and some that start from zero, and what faults need to strike."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.faults import ledger
from tests.e2e.faults.ledger import Moment, Verdict, judge
from tests.e2e.faults.load import SteadyLoad
from tests.e2e.faults.recorder import HANDLER, PORT, Recorder
from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import function
from tests.e2e.framework.signals import Span
from tests.e2e.framework.workspace import SYSTEM, Workspace
from tests.support.waiting import wait_for

RATE: Final = 50.0
WARM: Final = "warm"
WARM_PODS: Final = 2
WARM_SLOTS: Final = 4
COLD: Final = ("cold-1", "cold-2", "cold-3")
COLD_EVERY: Final = 250
"""One request of so many is for a function that rests at zero in between."""
SLACK_SECONDS: Final = 0.2
"""Between a kernel's doing and the clock that is read beside it."""


@dataclass(frozen=True)
class Watch:
    """For how many seconds requests must be answered before a fault strikes, and after all is whole again."""

    before_seconds: float
    after_seconds: float


FULL_WATCH: Final = Watch(3.0, 5.0)
QUICK_WATCH: Final = Watch(1.0, 3.0)
"""For tests of every change, where waiting counts."""


@dataclass
class Arena:
    """A namespace with the functions, and the moments at which the present fault struck."""

    workspace: Workspace
    control_plane: ControlPlane
    run_helm: Callable[..., str]
    recorder: Recorder
    moments: list[Moment] = field(default_factory=list)

    @contextmanager
    def striking(self, *, after_seconds: float = SLACK_SECONDS) -> Iterator[None]:
        """The block strikes; its effect is over `after_seconds` after it."""
        begin = time.time()
        yield
        self.moments.append(Moment(begin - SLACK_SECONDS, time.time() + after_seconds))

    def struck(self, begin: float, end: float) -> None:
        """It struck in a span of time that somebody else has read."""
        self.moments.append(Moment(begin - SLACK_SECONDS, end + SLACK_SECONDS))

    def struck_throughout(self, spans: Sequence[Span]) -> None:
        """It struck from the first of these spans to the last: the victim is silent all the time, and nobody is told."""
        self.struck(spans[0][0], spans[-1][1])

    def wait_until_replaced(self, name: str) -> None:
        """Until a pod of the warm function is gone and as many as it always has run without it."""

        def replaced() -> bool:
            names = [pod["metadata"]["name"] for pod in self.workspace.pods(WARM) if pod["status"].get("phase") == "Running"]
            return name not in names and len(names) >= WARM_PODS

        wait_for(replaced, f"{name} to be replaced", 120)

    def warm_pods(self) -> list[dict[str, Any]]:
        """Pods of the function that is warm."""
        return self.workspace.pods(WARM, ending=False)


@dataclass(frozen=True)
class Fault:
    """`strike` does it and returns when it is over; `excused` are the outcomes that requests under way at its moments may have."""

    name: str
    strike: Callable[[Arena], None]
    excused: frozenset[str] = frozenset()
    excused_if_started: frozenset[str] = frozenset()
    """Of those that a handler had begun to run: nobody may run them again."""
    most_excused: int | None = None
    """At most so many requests may fail by it; None: any number that was under way."""
    nodes: int = 1
    """It needs so many."""
    quick: bool = False
    """It is short, and one of the tests of `make test`."""


def prepare(workspace: Workspace, control_plane: ControlPlane, run_helm: Callable[..., str]) -> Arena:
    """The functions, ready, and the recorder that they tell of their runs."""
    recorder = Recorder(workspace.api, control_plane)
    # Function pods reach little besides their activators where policies are enforced.
    to_recorder = {"ports": [{"port": PORT, "protocol": "UDP"}]}
    policy = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [to_recorder]}
    metadata = {"name": "to-recorder"}
    workspace.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": policy})
    env = [{"name": "RECORDER", "value": recorder.address}]
    cold = [function(name, HANDLER, env=env, scaling={"initialScale": 0, "scaleToZeroAfterSeconds": 2}) for name in COLD]
    workspace.deploy(function(WARM, HANDLER, env=env, concurrency=WARM_SLOTS, scaling={"minScale": WARM_PODS, "maxScale": 4}), *cold)
    workspace.wait_for_pods(WARM, WARM_PODS)
    return Arena(workspace, control_plane, run_helm, recorder)


def choose(number: int) -> str:
    """The function of the n-th request."""
    return COLD[number // COLD_EVERY % len(COLD)] if number % COLD_EVERY == 0 else WARM


def run_fault(arena: Arena, fault: Fault, watch: Watch = FULL_WATCH) -> Verdict:
    """Have it strike under load; the verdict on all requests from some seconds before it until some after everything is whole again."""
    arena.moments = []
    name = f"{fault.name.replace(' ', '-')}-{time.time_ns() % 10**9}"
    with SteadyLoad(arena.workspace.http.endpoint, arena.workspace.namespace, choose, RATE, name) as load:
        _wait_for_answers(load, time.time(), watch.before_seconds)
        fault.strike(arena)
        arena.control_plane.wait_whole(seconds=180)
        _wait_for_answers(load, time.time(), watch.after_seconds)
    runs = wait_for(lambda: arena.recorder.runs(name), "the recorder to answer")
    return judge(load.calls, runs, arena.moments, fault.excused, fault.excused_if_started, fault.most_excused)


def helm_runner(helm: str, kubeconfig: str) -> Callable[..., str]:
    """A function that runs helm in Lambent's namespace."""

    def run(*arguments: str) -> str:
        command = [helm, "--kubeconfig", kubeconfig, "--namespace", SYSTEM, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def describe(fault: Fault, verdict: Verdict, moments: list[Moment]) -> str:
    """What a person needs to see where a promise was broken."""
    spans = ", ".join(f"{moment.begin:.2f} to {moment.end:.2f}" for moment in moments)
    lost = "\n".join(
        f"  {call.id}: {call.outcome}, {'started' if call.id in verdict.lost_started else 'not started'}, sent {call.sent:.2f}, "
        f"ended {call.ended:.2f}"
        for call in verdict.lost[:20]
    )
    counts = f"ran twice {verdict.ran_twice[:10]}, wrong answers {verdict.wrong[:10]}, {len(verdict.lost)} lost"
    return f"{fault.name}: {counts}; struck at {spans}\n{lost}"


def _wait_for_answers(load: SteadyLoad, since: float, seconds: float) -> None:
    wait_for(lambda: load.answered_since(since) >= 0.8 * RATE * seconds, f"requests to be answered for {seconds:g} s", 120)


CONNECTION: Final = frozenset({ledger.BROKEN, ledger.NOT_CONNECTED})
LINK: Final = frozenset({"Platform.LinkLost"})
