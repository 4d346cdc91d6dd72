"""A process acts while it leads and not longer; it waits for the definitions before it watches."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from lambent.controller import app
from lambent.controller.watch.kopf_log import QUIET_SECONDS, FirstOfMany
from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeUnavailableError, NotFoundError
from lambent.kube.lease import LeaderElection


class Lease:
    """An election that is lost when told so."""

    is_leader = True


def lead_while(lease: Lease, act: Any) -> None:
    asyncio.run(app._lead_while(cast("LeaderElection", lease), act))


def test_what_a_leader_does_ends_with_its_leadership(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOK_SECONDS", 0.0)
    lease, ended = Lease(), []

    async def act() -> None:
        try:
            lease.is_leader = False
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    lead_while(lease, act)

    assert ended == [True]


def test_a_leader_whose_work_ends_by_itself_is_no_leader() -> None:
    async def act() -> None:
        return

    with pytest.raises(RuntimeError, match="ended by themselves"):
        lead_while(Lease(), act)


def test_what_fails_while_leading_ends_the_process() -> None:
    async def act() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lead_while(Lease(), act)


class Server:
    """Answers lists as scripted, then well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.paths: list[str] = []

    async def list(self, path: str, *, limit: int) -> dict[str, Any]:
        assert limit == 1
        self.paths.append(path)
        if self.errors:
            raise self.errors.pop(0)
        return {}


def test_it_waits_until_functions_and_triggers_are_served(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(app, "DEFINITIONS_SECONDS", 0.0)
    missing = NotFoundError(404, "NotFound", "the server could not find the requested resource")
    server = Server(missing, KubeUnavailableError(0, "NoConnection", "refused"), missing)

    with caplog.at_level(logging.WARNING):
        asyncio.run(app.wait_for_definitions(cast("KubeClient", server)))

    assert [path.rsplit("/", 1)[1] for path in server.paths] == ["functions"] * 4 + ["triggers", "hostgrants"]
    assert caplog.text.count("kubectl apply --server-side -f crds/") == 1


def a_record(message: str, created: float) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "kopf._cogs.clients.watching", "msg": message})
    record.created = created
    return record


def test_a_watch_that_does_not_get_through_is_told_once_a_minute() -> None:
    found = FirstOfMany()
    pods, services = "failed: GET https://x/api/v1/pods?watch=true -> 403", "failed: GET https://x/api/v1/services?watch=true -> 403"

    assert found.filter(a_record(pods, 0.0))
    assert found.filter(a_record(services, 0.0))
    assert not found.filter(a_record(pods.replace("403", "500"), 1.0))
    assert found.filter(a_record(pods, QUIET_SECONDS))
