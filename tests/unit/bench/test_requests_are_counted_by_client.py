from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bench.scale.audit import AuditLog, by_client, count_requests

CONTROLLER = "system:serviceaccount:lambent-system:lambent-controller"


def event(user: str = CONTROLLER, verb: str = "get", resource: str = "pods", **more: Any) -> dict[str, Any]:
    reference = {"resource": resource}
    return {"stage": "ResponseComplete", "user": {"username": user}, "verb": verb, "objectRef": reference, **more}


def test_service_accounts_go_by_their_own_name() -> None:
    assert count_requests([event(), event()]) == {("lambent-controller", "get", "pods"): 2}


def test_parts_of_the_control_plane_go_without_their_prefix() -> None:
    assert by_client(count_requests([event(user="system:kube-scheduler")])) == {"kube-scheduler": 1}


def test_subresources_are_told_apart() -> None:
    status = event(objectRef={"resource": "functions", "subresource": "status"})
    assert list(count_requests([status])) == [("lambent-controller", "get", "functions/status")]


def test_what_is_no_resource_goes_by_its_path() -> None:
    assert list(count_requests([event(objectRef=None, requestURI="/readyz?verbose")])) == [("lambent-controller", "get", "/readyz")]


def test_a_watch_counts_once_when_it_begins() -> None:
    began, ended = event(verb="watch", stage="ResponseStarted"), event(verb="watch")
    assert count_requests([began, ended]) == {("lambent-controller", "watch", "pods"): 1}


def test_the_begin_of_any_other_answer_counts_for_nothing() -> None:
    assert count_requests([event(stage="ResponseStarted")]) == Counter()


def test_a_log_is_read_in_steps_and_a_broken_line_waits_for_its_end(tmp_path: Path) -> None:
    path, line = tmp_path / "audit.log", json.dumps(event())
    path.write_text(f"{line}\n")
    log = AuditLog(path)
    log.skip()
    assert log.read() == Counter()
    with path.open("a") as file:
        file.write(f"{line}\n{line[:20]}")
    assert log.read().total() == 1
    with path.open("a") as file:
        file.write(f"{line[20:]}\n")
    assert log.read().total() == 1
