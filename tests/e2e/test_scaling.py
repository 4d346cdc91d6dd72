"""Out on concurrency, in when it is gone, and never to zero under a request."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

SLOW = """
import os
import time

def handler(event, context):
    time.sleep(event["seconds"])
    return {"pod": os.uname().nodename}
"""

LOGGING = """
import time

def handler(event, context):
    print(event["call"], flush=True)
    time.sleep(event["seconds"])
    return event["call"]
"""


def test_pods_follow_concurrency_out_and_in(workspace: Workspace) -> None:
    scaling = {"maxScale": 4, "scaleToZeroAfterSeconds": 3, "stableWindowSeconds": 6}
    workspace.deploy(function("busy", SLOW, scaling=scaling, timeoutSeconds=60))

    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: workspace.result("busy", {"seconds": 1}), range(24)))

    served_by = {answer["pod"] for answer in answers}
    assert 2 <= len(served_by) <= 4, served_by
    assert workspace.scale("busy") <= 4
    workspace.wait_for_zero("busy", seconds=90)


def test_all_slots_of_a_pod_are_used_before_another_is_needed(workspace: Workspace) -> None:
    workspace.deploy(function("wide", SLOW, concurrency=4, memory="256Mi", scaling={"minScale": 1, "maxScale": 1}))
    workspace.wait_for_pods("wide", 1)

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: workspace.invoke("wide", {"seconds": 1}), range(4)))

    assert [answer.status for answer in answers] == [200] * 4
    assert max(answer.seconds for answer in answers) < 3.5, "four calls of a second each, one after the other, take four"


def test_a_function_never_goes_to_zero_with_a_request_in_flight(workspace: Workspace) -> None:
    scaling = {"scaleToZeroAfterSeconds": 1, "stableWindowSeconds": 6, "maxScale": 1}
    workspace.deploy(function("long", SLOW, timeoutSeconds=60, scaling=scaling))
    workspace.wait_for_zero("long")

    with ThreadPoolExecutor(1) as client:
        answer = client.submit(workspace.invoke, "long", {"seconds": 12})
        wait_for(lambda: workspace.scale("long") == 1, "the start", 10)
        scales: list[int] = []

        def answered() -> bool:
            scales.append(workspace.scale("long"))
            return answer.done()

        wait_for(answered, "the answer", 40, interval=0.3)

    assert answer.result().status == 200, answer.result()
    assert answer.result().function_error is None
    assert set(scales) == {1}
    workspace.wait_for_zero("long")


def test_more_than_the_pods_can_take_waits_its_turn(workspace: Workspace) -> None:
    workspace.deploy(function("single", SLOW, scaling={"maxScale": 1, "minScale": 1}))

    with ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(lambda _: workspace.invoke("single", {"seconds": 0.2}), range(10)))

    assert [answer.status for answer in answers] == [200] * 10, answers
    assert len({answer.json["pod"] for answer in answers}) == 1


def test_a_caller_who_leaves_the_queue_is_forgotten(workspace: Workspace) -> None:
    workspace.deploy(function("queued", LOGGING, scaling={"maxScale": 1, "minScale": 1}))
    workspace.wait_for_pods("queued", 1)

    with ThreadPoolExecutor(1) as client:
        first = client.submit(workspace.invoke, "queued", {"call": "first", "seconds": 2})
        wait_for(lambda: "first" in workspace.logs("queued"), "the first call to start")
        with pytest.raises(TimeoutError):
            workspace.invoke("queued", {"call": "impatient", "seconds": 0}, timeout=0.3)
        assert workspace.result("queued", {"call": "last", "seconds": 0}) == "last"
        assert first.result().json == "first"

    assert "impatient" not in workspace.logs("queued")


def test_minimum_scale_holds_pods_without_requests(workspace: Workspace) -> None:
    workspace.deploy(function("ready", SLOW, scaling={"minScale": 2, "maxScale": 3, "scaleToZeroAfterSeconds": 1}))
    workspace.wait_for_pods("ready", 2)

    manifest = function("ready", SLOW, scaling={"minScale": 0, "maxScale": 3, "scaleToZeroAfterSeconds": 1, "stableWindowSeconds": 6})
    workspace.deploy(manifest)
    workspace.wait_for_zero("ready")
