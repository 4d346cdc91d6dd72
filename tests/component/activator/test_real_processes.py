"""Activators and shims as they are in a cluster, as plain processes: what a caller sees when things go well, and when they break."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambent.activator.links import exchange
from tests.component.activator.conftest import HANDLERS, ActivatorProcess, Loopback, function
from tests.support.waiting import wait_for

ACT = function("act", "app.act", timeoutSeconds=20)


def client(activator: ActivatorProcess) -> Any:
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=64, read_timeout=30)
    return boto3.client(
        "lambda", endpoint_url=activator.url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s", config=config
    )


def invoke(activator: ActivatorProcess, name: str, event: Any, **more: Any) -> dict[str, Any]:
    answer = client(activator).invoke(FunctionName=name, Payload=json.dumps(event).encode(), **more)
    return {**answer, "Payload": json.loads(answer["Payload"].read())}


def call(
    activator: ActivatorProcess, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", activator.http, timeout=30)
    connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
    response = connection.getresponse()
    try:
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_an_activator_that_was_stopped_fails_nothing_that_had_not_started(loopback: Loopback) -> None:
    """Pods go while it stands still; what callers have sent meanwhile lies in the kernel beside the ends of their links."""
    activator = loopback.activator(ACT)
    gone = [loopback.shim(ACT, activator) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        before = [pool.submit(invoke, activator, "act", {"sleep": 0}) for _ in range(8)]
        assert all("FunctionError" not in each.result() for each in before)
        os.kill(activator.process.pid, signal.SIGSTOP)
        try:
            for shim in gone:
                shim.kill()
            asked = [pool.submit(invoke, activator, "act", {"sleep": 0}) for _ in range(8)]
            late = loopback.shim(ACT, activator, ready=False)
            time.sleep(exchange.STOPPED_SECONDS + 0.5)
        finally:
            os.kill(activator.process.pid, signal.SIGCONT)
        assert {each.result()["Payload"]["pod"] for each in asked} == {late.pod}


@pytest.fixture
def serving(loopback: Loopback) -> Iterator[ActivatorProcess]:
    hello = function()
    echo = function("echo", "app.echo")
    activator = loopback.activator(hello, ACT, echo)
    loopback.shim(hello, activator)
    loopback.shim(ACT, activator)
    loopback.shim(echo, activator)
    return activator


def test_boto3_gets_its_answer_with_log_and_request_id(serving: ActivatorProcess) -> None:
    answer = invoke(serving, "hello", {"name": "Ada"}, LogType="Tail")

    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["Payload"]["hello"] == "Ada"
    assert answer["Payload"]["id"] == request_id
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith(f"START RequestId: {request_id} Version: $LATEST\n")
    assert f"REPORT RequestId: {request_id}\t" in log


def test_boto3_without_payload_gives_the_handler_an_empty_event(serving: ActivatorProcess) -> None:
    answer = client(serving).invoke(FunctionName="echo")

    assert answer["Payload"].read() == b"{}"


def test_boto3_sees_a_handlers_exception_as_function_error(serving: ActivatorProcess) -> None:
    answer = invoke(serving, "act", {"raise": "no way"})

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (answer["Payload"]["errorType"], answer["Payload"]["errorMessage"]) == ("ValueError", "no way")


@pytest.mark.parametrize(
    ("name", "payload", "code", "status"),
    [
        ("nobody", b"{}", "ResourceNotFoundException", 404),
        ("hello", b"not json", "InvalidRequestContentException", 400),
        ("hello", b'"' + b"x" * 6_291_455 + b'"', "RequestTooLargeException", 413),
    ],
)
def test_boto3_raises_the_exception_of_that_name(serving: ActivatorProcess, name: str, payload: bytes, code: str, status: int) -> None:
    service = client(serving)

    with pytest.raises(getattr(service.exceptions, code)) as raised:
        service.invoke(FunctionName=name, Payload=payload)

    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert raised.value.response["Error"]["Message"]


def test_boto3_raises_throttling_where_the_queue_is_full(loopback: Loopback) -> None:
    activator = loopback.activator(ACT, limits={"queue_count": 1, "queue_seconds": 20})
    first = threading.Thread(target=lambda: call(activator, "POST", "/2015-03-31/functions/act/invocations", b"{}"), daemon=True)
    first.start()
    wait_for(lambda: any("start" in line for line in activator.said), "a start to be asked for", 20, 0.005)
    service = client(activator)

    with pytest.raises(service.exceptions.TooManyRequestsException) as raised:
        service.invoke(FunctionName="act", Payload=b"{}")

    assert raised.value.response["retryAfterSeconds"] == "1"
    assert raised.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    loopback.shim(ACT, activator)
    first.join(20)


def test_event_invocations_are_refused_not_swallowed(serving: ActivatorProcess) -> None:
    with pytest.raises(ClientError) as raised:
        client(serving).invoke(FunctionName="hello", InvocationType="Event", Payload=b"{}")

    assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"


@pytest.mark.parametrize("size", [1, 262_144, 262_145, 1_000_000, 6_000_000])
def test_large_bodies_go_both_ways_whole(serving: ActivatorProcess, size: int) -> None:
    event = {"text": "x" * size}

    assert invoke(serving, "echo", event)["Payload"] == event


def test_a_body_in_chunks_is_taken_and_one_over_the_limit_is_not(serving: ActivatorProcess) -> None:
    def post(pieces: int) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", serving.http, timeout=30)
        body = (piece for piece in [b'"', *[b"x" * 100_000] * pieces, b'"'])
        with suppress(BrokenPipeError, ConnectionResetError):  # it has answered already, and closed
            connection.request(
                "POST", "/2015-03-31/functions/echo/invocations", body, {"Transfer-Encoding": "chunked"}, encode_chunked=True
            )
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, str(response.getheader("x-lambent-reason"))

    assert post(3)[0] == 200
    assert post(63) == (413, "Caller.TooLarge")


def test_the_limit_is_told_before_the_body_is_sent(serving: ActivatorProcess) -> None:
    with socket.create_connection(("127.0.0.1", serving.http), timeout=10) as connection:
        connection.sendall(
            b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 7000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", serving.http), timeout=10) as connection:
        connection.sendall(
            b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_http_is_a_bad_request_and_closes(serving: ActivatorProcess, sent: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", serving.http), timeout=10) as connection:
        connection.sendall(sent)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"x-lambent-reason: Caller.BadRequest" in answer
    assert call(serving, "GET", "/", Host="hello.default")[0] == 200


def test_head_has_a_length_and_no_body(serving: ActivatorProcess) -> None:
    with socket.create_connection(("127.0.0.1", serving.http), timeout=10) as connection:
        connection.sendall(
            b"HEAD / HTTP/1.1\r\nHost: hello.default\r\n\r\nGET / HTTP/1.1\r\nHost: hello.default\r\nConnection: close\r\n\r\n"
        )
        answers = b""
        while chunk := connection.recv(4096):
            answers += chunk
    first, _, second = answers.partition(b"\r\n\r\n")
    assert b"content-length: " in first
    assert second.startswith(b"HTTP/1.1 200 ")


def test_a_function_that_takes_too_long_is_a_timeout_by_lambdas_words(loopback: Loopback) -> None:
    slow = function("act", "app.act", timeoutSeconds=1)
    activator = loopback.activator(slow)
    loopback.shim(slow, activator)

    answer = invoke(activator, "act", {"sleep": 30})
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["Payload"]["errorMessage"]
    status, headers, body = call(activator, "POST", "/", b'{"body": 1}', Host="act.default", Content_Type="application/json")
    assert status == 200, (headers, body)


def test_fifty_at_once_are_all_served_by_three_pods_at_first(loopback: Loopback) -> None:
    body = function("act", "app.act", scaling={"maxScale": 20})
    activator = loopback.activator(body)
    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(invoke, activator, "act", {"sleep": 0.1}) for _ in range(50)]
        wait_for(lambda: any(line.get("replicas") == 3 for line in activator.said), "three pods to be asked for", 20, 0.005)
        for _ in range(3):
            loopback.shim(body, activator, ready=False)
        served = [answer.result(60) for answer in answers]

    assert all("FunctionError" not in answer for answer in served)
    assert len({answer["Payload"]["pod"] for answer in served}) > 1


def test_two_activators_never_run_two_at_once_in_a_pod_of_one(loopback: Loopback, tmp_path: Path) -> None:
    mark = tmp_path / "marks"
    activators = [loopback.activator(ACT, identity=name) for name in ("a", "b")]
    shim = loopback.shim(ACT, *activators)
    event = {"mark": str(mark), "sleep": 0.01}

    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(invoke, activators[index % 2], "act", event) for index in range(60)]
        assert [answer.result(60)["Payload"]["pod"] for answer in answers] == [shim.pod] * 60

    began = sorted(float(line.split()[2]) for line in mark.read_text().splitlines())
    assert len(began) == 60
    # Each sleeps 10 ms after its mark: two at once would leave marks closer than that.
    assert min(later - earlier for earlier, later in pairwise(began)) >= 0.0099


def test_a_killed_pod_fails_what_it_ran_once_and_frees_those_that_wait(loopback: Loopback, tmp_path: Path) -> None:
    mark = tmp_path / "marks"
    activator = loopback.activator(ACT)
    shim = loopback.shim(ACT, activator)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(
            call, activator, "POST", "/2015-03-31/functions/act/invocations", json.dumps({"mark": str(mark), "sleep": 30}).encode()
        )
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        waiting = pool.submit(invoke, activator, "act", {"mark": str(mark)})
        shim.kill()
        status, headers, body = running.result(20)
        second = loopback.shim(ACT, activator)
        assert waiting.result(20)["Payload"] == {"pod": second.pod}

    assert (status, headers["x-lambent-reason"], headers["x-amzn-errortype"]) == (502, "Platform.LinkLost", "ServiceException")
    assert "went away" in json.loads(body)["Message"]
    assert len(mark.read_text().splitlines()) == 2


def test_a_drained_pod_finishes_what_it_runs_and_takes_no_more(loopback: Loopback, tmp_path: Path) -> None:
    mark, go = tmp_path / "marks", tmp_path / "go"
    activator = loopback.activator(ACT)
    old = loopback.shim(ACT, activator)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(invoke, activator, "act", {"mark": str(mark), "wait_for": str(go)})
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        old.process.terminate()
        new = loopback.shim(ACT, activator)
        assert invoke(activator, "act", {})["Payload"] == {"pod": new.pod}
        go.touch()
        assert running.result(20)["Payload"] == {"pod": old.pod}
    assert old.process.wait(10) == 0


def test_a_client_that_goes_away_gives_its_place_to_the_next(loopback: Loopback, tmp_path: Path) -> None:
    mark, go = tmp_path / "marks", tmp_path / "go"
    activator = loopback.activator(ACT)
    loopback.shim(ACT, activator)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(invoke, activator, "act", {"mark": str(mark), "wait_for": str(go)})
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        body = json.dumps({"mark": str(mark)}).encode()
        head = f"POST /2015-03-31/functions/act/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", activator.http), timeout=10) as gone:
            gone.sendall(head + body)
        last = pool.submit(invoke, activator, "act", {"mark": str(mark)})
        go.touch()
        running.result(20)
        last.result(20)
    # The one in between has left no mark: its client was gone before its turn.
    assert len(mark.read_text().splitlines()) in (2, 3)


def test_an_activator_that_is_stopped_answers_what_it_has_taken(loopback: Loopback, tmp_path: Path) -> None:
    mark, go = tmp_path / "marks", tmp_path / "go"
    activator = loopback.activator(ACT)
    loopback.shim(ACT, activator)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(invoke, activator, "act", {"mark": str(mark), "wait_for": str(go)})
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        waiting = pool.submit(invoke, activator, "act", {})
        wait_for(lambda: any("start" in line for line in activator.said), "a start to be asked for", 20, 0.005)
        activator.process.terminate()
        go.touch()
        assert running.result(20)["Payload"]["pod"] == "pod-1"
        assert waiting.result(20)["Payload"]["pod"] == "pod-1"
    assert activator.process.wait(20) == 0


def test_code_that_does_not_import_answers_with_lambdas_error(loopback: Loopback) -> None:
    broken = function("broken", "app.handler", code={"inline": {"app.py": "import nope\n" + HANDLERS}})
    activator = loopback.activator(broken)
    loopback.shim(broken, activator)

    answer = invoke(activator, "broken", {})

    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"]["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'nope'" in answer["Payload"]["errorMessage"]
    assert {"initialized": "broken", "outcome": "Failed", "errorType": "Runtime.ImportModuleError"} in activator.said


def test_shims_hear_of_a_new_activator_from_the_ones_they_know(loopback: Loopback) -> None:
    hello = function()
    first = loopback.activator(hello, identity="a")
    loopback.shim(hello, first)
    second = loopback.activator(hello, identity="b")
    first.tell({"peers": [f"127.0.0.1:{first.links}", f"127.0.0.1:{second.links}"]})
    wait_for(lambda: second.initialized(1), "the second activator to know the pod", 20, 0.005)

    assert invoke(second, "hello", {"name": "b"})["Payload"]["hello"] == "b"
