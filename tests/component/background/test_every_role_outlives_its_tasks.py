"""Each background task of each role is made to fail in turn: it is started anew, or `run` ends with an error, never in silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from lambent.activator import app as activator_app
from lambent.autoscaler import app as autoscaler_app
from lambent.controller import app as controller_app
from lambent.kube.backoff import Backoff
from lambent.kube.client import KubeClient
from lambent.settings.activator import ActivatorSettings
from lambent.settings.autoscaler import AutoscalerSettings
from lambent.settings.controller import ControllerSettings
from lambent.tasks import supervisor
from lambent.tasks.supervisor import BackgroundError, Supervisor
from lambent.telemetry.controller_metrics import ControllerMetrics

Run = Callable[[], Coroutine[Any, Any, None]]
CONFIG = """
{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
 clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}
"""
ACTIVATOR = {"clock", "statistics", "start gates", "front"} | {
    f"watch of {what}" for what in ("Functions", "Triggers", "HostGrants", "starting pods", "activators")
}
AUTOSCALER = {"election", "clock", "last invocations", "pools"} | {
    f"watch of {what}" for what in ("Functions", "Deployments", "pools", "generic pods")
}
LEADING = {"workers", "watch of users' objects", "watch of children"} | (GOES_ON := {"survey", "watch of HostGrants"})
RESTARTED = "restarted"


class Sabotage:
    """Has the first run of each task fail, once all have begun, and notes which ran again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, victim: str, expected: set[str]) -> None:
        self.names: set[str] = set()
        self.expected = expected
        self.begun = asyncio.Event()
        self.again = asyncio.Event()
        start = Supervisor.start

        def start_sabotaged(self_: Supervisor, name: str, run: Run, *, restart: bool = True) -> None:
            self.names.add(name)
            if expected <= self.names:
                self.begun.set()
            start(self_, name, self.spoil(name, run) if name == victim else run, restart=restart)

        monkeypatch.setattr(Supervisor, "start", start_sabotaged)
        monkeypatch.setattr(supervisor, "Backoff", lambda **_: Backoff(first_seconds=0.0, longest_seconds=0.0))

    def spoil(self, name: str, run: Run) -> Run:
        runs = 0

        async def spoiled() -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                await self.begun.wait()
                raise ZeroDivisionError(name)
            self.again.set()
            await run()

        return spoiled


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    """Of an API server that is not there: tasks have to live with that anyway."""
    path = tmp_path / "config"
    path.write_text(CONFIG)
    return str(path)


def outcome(sabotage_of: Callable[[], Sabotage], run: Callable[[], Coroutine[Any, Any, None]]) -> str:
    """`restarted`, or what `run` ended with."""

    async def scenario() -> str:
        sabotage = sabotage_of()
        running = asyncio.get_running_loop().create_task(run())
        again = asyncio.get_running_loop().create_task(sabotage.again.wait())
        try:
            async with asyncio.timeout(20):
                await asyncio.wait((running, again), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                error = running.exception()
                assert isinstance(error, BackgroundError), error
                return str(error)
            assert sabotage.names == sabotage.expected, "each task that there is is tried here"
            return RESTARTED
        finally:
            running.cancel()
            again.cancel()
            with contextlib.suppress(asyncio.CancelledError, BackgroundError):
                await running

    return asyncio.run(scenario())


@pytest.mark.parametrize("name", sorted(ACTIVATOR))
def test_an_activator_goes_on(name: str, kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ActivatorSettings(
        kubeconfig=kubeconfig, http_port=0, link_port=0, status_port=0, autoscaler="127.0.0.1:1", settle_seconds=0, drain_seconds=0
    )

    assert outcome(lambda: Sabotage(monkeypatch, name, ACTIVATOR), lambda: activator_app.run(settings)) == RESTARTED


@pytest.mark.parametrize("name", sorted(AUTOSCALER))
def test_an_autoscaler_goes_on(name: str, kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = AutoscalerSettings(kubeconfig=kubeconfig, statistics_port=0, status_port=0)

    assert outcome(lambda: Sabotage(monkeypatch, name, AUTOSCALER), lambda: autoscaler_app.run(settings)) == RESTARTED


@pytest.mark.parametrize(("name", "ends"), [("election", False), ("leading", True)])
def test_a_controller_goes_on_or_ends(name: str, ends: bool, kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ControllerSettings(kubeconfig=kubeconfig, status_port=0)
    what = outcome(lambda: Sabotage(monkeypatch, name, {"election", "leading"}), lambda: controller_app.run(settings))

    assert (what != RESTARTED) is ends


@pytest.mark.parametrize("name", sorted(LEADING))
def test_a_leading_controller_goes_on_or_ends(name: str, kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ControllerSettings(kubeconfig=kubeconfig, status_port=0)

    async def lead() -> None:
        class Leader:
            is_leader = True

        metrics = ControllerMetrics(CollectorRegistry())
        async with KubeClient.from_environment(settings.kube_environment) as client:
            await controller_app._lead(settings, client, metrics, Leader(), lambda _: None)  # type: ignore[arg-type]

    what = outcome(lambda: Sabotage(monkeypatch, name, LEADING), lead)
    assert what == (RESTARTED if name in GOES_ON else f"background task {name} has failed, 1 times in a row")
