"""The HTTP front of a real activator process, with a real function behind it: clients that people use, and clients that nobody wants."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config

from tests.component.activator.conftest import ActivatorProcess, Loopback, function
from tests.support.waiting import wait_for

ECHO = function("echo", "app.echo")
ACT = function("act", "app.act", timeoutSeconds=20)
INVOKE = "/2015-03-31/functions/{}/invocations"
IMPATIENT = {
    "connections": 4,
    "head_seconds": 1,
    "body_seconds": 1,
    "keep_alive_seconds": 1,
    "stalled_seconds": 1,
    "linger_seconds": 1,
    "longest_linger_seconds": 3,
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActivatorProcess]:
    loopback = Loopback(tmp_path_factory.mktemp("serving"))
    activator = loopback.activator(ECHO, ACT)
    loopback.shim(ECHO, activator)
    loopback.shim(ACT, activator)
    yield activator
    loopback.end()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActivatorProcess]:
    """An activator whose every time is a second."""
    loopback = Loopback(tmp_path_factory.mktemp("impatient"))
    activator = loopback.activator(ACT, front=IMPATIENT)
    loopback.shim(ACT, activator)
    yield activator
    loopback.end()


def connect(activator: ActivatorProcess, *, receive_buffer: int = 0) -> socket.socket:
    client = socket.socket()
    client.settimeout(20)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(("127.0.0.1", activator.http))
    return client


def invoke(name: str, event: Any, *more: str) -> bytes:
    body = json.dumps(event).encode()
    return "\r\n".join([f"POST {INVOKE.format(name)} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more, "", ""]).encode() + body


def answers(client: socket.socket, count: int) -> list[tuple[int, Any]]:
    """The next answers, and what JSON they hold."""
    found = []
    stream = client.makefile("rb")
    for _ in range(count):
        status = int(stream.readline().split()[1])
        headers = http.client.parse_headers(stream)
        body = stream.read(int(headers["content-length"] or 0))
        found.append((status, json.loads(body)))
    return found


def rest(client: socket.socket) -> bytes:
    """All that still comes; a reset is an end too."""
    data = bytearray()
    with suppress(ConnectionResetError):
        while piece := client.recv(65_536):
            data += piece
    return bytes(data)


def send_for_ever(client: socket.socket) -> None:
    pause = threading.Event()
    while not pause.wait(0.02):
        client.sendall(b"x")


def test_requests_that_are_sent_at_once_are_answered_in_order(serving: ActivatorProcess) -> None:
    with connect(serving) as client:
        client.sendall(b"".join(invoke("echo", {"number": number}) for number in range(50)))

        assert answers(client, 50) == [(200, {"number": number}) for number in range(50)]


def test_more_than_an_activator_reads_ahead_is_answered_too(serving: ActivatorProcess, tmp_path: Path) -> None:
    mark, go = tmp_path / "marks", tmp_path / "go"
    count, text = 200, "x" * 10_000
    with connect(serving) as client:
        client.sendall(invoke("act", {"mark": str(mark), "wait_for": str(go)}))
        sending = threading.Thread(target=client.sendall, args=(invoke("echo", text) * count,))
        sending.start()
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        go.touch()

        first, *others = answers(client, 1 + count)
        assert first[0] == 200
        assert others == [(200, text)] * count
        sending.join(20)


def test_a_client_that_leaves_takes_back_what_has_not_begun(serving: ActivatorProcess, tmp_path: Path) -> None:
    mark, go = tmp_path / "marks", tmp_path / "go"
    with connect(serving) as busy:
        busy.sendall(invoke("act", {"mark": str(mark), "wait_for": str(go)}))
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        with connect(serving) as leaving:
            leaving.sendall(invoke("act", {"mark": str(mark)}) * 3)
        with connect(serving) as last:
            # The activator sees events in order: once this one is refused, it has seen that the other is gone.
            last.sendall(b"nonsense\r\n\r\n")
            rest(last)
        go.touch()
        assert answers(busy, 1)[0][0] == 200
        busy.sendall(invoke("act", {"mark": str(mark)}))
        assert answers(busy, 1)[0][0] == 200
    assert len(mark.read_text().splitlines()) == 2


def test_boto3_keeps_its_connection_and_sends_the_largest_payload_over_it(serving: ActivatorProcess) -> None:
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=1, read_timeout=30)
    service = boto3.client(
        "lambda", endpoint_url=serving.url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s", config=config
    )
    payload = b'"' + b"x" * (6_291_456 - 2) + b'"'
    headers = []
    for _ in range(3):
        answer = service.invoke(FunctionName="echo", Payload=payload)
        headers.append(answer["ResponseMetadata"]["HTTPHeaders"])
        # The echoed text is as long as Lambda lets an answer be.
        assert answer["Payload"].read() == payload

    assert all("connection" not in each for each in headers)
    with pytest.raises(service.exceptions.RequestTooLargeException):
        service.invoke(FunctionName="echo", Payload=payload + b" ")
    assert service.invoke(FunctionName="echo", Payload=b"1")["Payload"].read() == b"1"


def test_http_client_uses_one_connection_for_many_requests(serving: ActivatorProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serving.http, timeout=20)
    connection.connect()
    first = connection.sock
    for number in range(20):
        body = (piece for piece in (b"[", str(number).encode(), b"]")) if number % 2 else f"[{number}]"
        connection.request("POST", INVOKE.format("echo"), body, encode_chunked=True)
        assert json.loads(connection.getresponse().read()) == [number]

    assert connection.sock is first
    connection.close()


def test_aiohttp_gets_many_answers_over_few_connections(serving: ActivatorProcess) -> None:
    async def scenario() -> list[Any]:
        async with aiohttp.ClientSession(serving.url, connector=aiohttp.TCPConnector(limit=4)) as session:

            async def post(number: int) -> Any:
                async with session.post(INVOKE.format("echo"), json={"number": number}, expect100=number % 7 == 0) as response:
                    return await response.json()

            return await asyncio.gather(*(post(number) for number in range(100)))

    assert asyncio.run(scenario()) == [{"number": number} for number in range(100)]


def test_an_aiohttp_websocket_is_told_that_there_is_none(serving: ActivatorProcess) -> None:
    async def scenario() -> int:
        async with aiohttp.ClientSession(serving.url) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await session.ws_connect("/nothing")
            return raised.value.status

    assert asyncio.run(scenario()) == 404


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.parametrize("option", ["--http1.1", "--http1.0", "--http2", "--tcp-nodelay"])
@pytest.mark.parametrize("size", [10, 3_000_000])
def test_curl_gets_back_what_it_sends(serving: ActivatorProcess, tmp_path: Path, option: str, size: int) -> None:
    """With --http2 it offers an upgrade, with 3 MB it waits for `100 Continue`."""
    payload = tmp_path / "payload"
    payload.write_text(json.dumps("x" * size))
    command = ["curl", "-sS", option, "--max-time", "20", "--data-binary", f"@{payload}", serving.url + INVOKE.format("echo")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert result.stdout == payload.read_text()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_writes_all_of_a_body_before_it_reads_sees_that_it_is_too_large(serving: ActivatorProcess, chunked: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serving.http, timeout=20)
    size = 30_000_000
    body = (bytes(100_000) for _ in range(size // 100_000)) if chunked else bytes(size)
    connection.request("POST", INVOKE.format("echo"), body, encode_chunked=chunked)
    response = connection.getresponse()

    assert (response.status, response.headers["connection"]) == (413, "close")
    assert json.loads(response.read())["Type"] == "User"
    connection.close()


def test_what_is_sent_after_the_last_request_does_not_cost_its_answer(serving: ActivatorProcess) -> None:
    with connect(serving) as client:
        client.sendall(invoke("echo", "x" * 100_000, "Connection: close") + b"\r\n" * 100_000)

        ((status, text),) = answers(client, 1)
        assert (status, len(text)) == (200, 100_000)
        assert rest(client) == b""


def test_a_head_that_never_ends_is_refused(impatient: ActivatorProcess) -> None:
    with connect(impatient) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        client.settimeout(0.05)
        answer = b""
        with suppress(ConnectionError):
            while not answer:
                with suppress(TimeoutError):
                    answer = client.recv(65_536)
                client.sendall(b"X: y\r\n")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close\r\n" in answer


def test_a_body_that_drips_is_refused(impatient: ActivatorProcess) -> None:
    with connect(impatient) as client:
        client.sendall(invoke("act", {})[:-2].replace(b"Content-Length: 2", b"Content-Length: 100000"))
        client.settimeout(0.05)
        answer = b""
        with suppress(ConnectionError):
            while not answer:
                with suppress(TimeoutError):
                    answer = client.recv(65_536)
                client.sendall(b" ")

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_is_not_used_is_closed_in_silence(impatient: ActivatorProcess) -> None:
    with connect(impatient) as client:
        client.sendall(invoke("act", {}))

        assert answers(client, 1)[0][0] == 200
        assert rest(client) == b""


def test_a_client_that_never_closes_is_cut_after_the_last_answer(impatient: ActivatorProcess) -> None:
    with connect(impatient) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert rest(client).startswith(b"HTTP/1.1 400 ")
        with pytest.raises(ConnectionError):
            send_for_ever(client)


def test_a_client_that_reads_nothing_is_cut_and_one_that_reads_slowly_is_not(impatient: ActivatorProcess) -> None:
    size = 6_000_000
    with connect(impatient, receive_buffer=4096) as slow, connect(impatient, receive_buffer=4096) as dead:
        for client in (dead, slow):
            client.sendall(invoke("act", {"size": size}, "Connection: close"))
        got, pause = 0, threading.Event()
        while piece := slow.recv(65_536):
            got += len(piece)
            # Some five seconds for all of it: several times what a client may be silent.
            pause.wait(len(piece) / size * 5)
        assert got > size
        # The other has been cut meanwhile: only what the kernels held is left of its answer.
        assert len(rest(dead)) < size


def test_connections_over_the_limit_are_told_so(impatient: ActivatorProcess) -> None:
    clients = [connect(impatient) for _ in range(4)]
    with connect(impatient) as over:
        answer = rest(over)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: " in answer.lower()
    for client in clients:
        client.close()


def test_an_activator_that_is_stopped_answers_and_closes(loopback: Loopback, tmp_path: Path) -> None:
    mark, go = tmp_path / "marks", tmp_path / "go"
    activator = loopback.activator(ACT)
    loopback.shim(ACT, activator)
    idle = connect(activator)
    idle.sendall(invoke("act", {}))
    assert answers(idle, 1)[0][0] == 200
    with connect(activator) as busy:
        busy.sendall(invoke("act", {"mark": str(mark), "wait_for": str(go)}))
        wait_for(mark.exists, "the handler to begin", 20, 0.005)
        activator.process.terminate()
        assert rest(idle) == b""
        go.touch()
        answer = rest(busy)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in answer
    idle.close()
    assert activator.process.wait(20) == 0
