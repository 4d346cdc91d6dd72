from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent_shim.telemetry import metrics
from lambent_shim.telemetry.counters import Tally
from lambent_shim.telemetry.status import StatusProtocol


class FakeTransport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.ended = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True
        self.ended.set()

    def is_closing(self) -> bool:
        return self.closed


def ask(*pieces: bytes, why: str = "") -> tuple[int, bytes, FakeTransport]:
    transport = FakeTransport()

    async def run() -> None:
        protocol = StatusProtocol(lambda: why, lambda: (b"the metrics", "text/plain"))
        protocol.connection_made(transport)  # type: ignore[arg-type]
        for piece in pieces:
            protocol.data_received(piece)
        await transport.ended.wait()

    asyncio.run(run())
    head, _, body = transport.written.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body, transport


def get(path: str, **options: Any) -> tuple[int, bytes, FakeTransport]:
    return ask(f"GET {path} HTTP/1.1\r\nHost: pod\r\n\r\n".encode(), **options)


def test_healthz_is_always_fine() -> None:
    assert get("/healthz", why="initialising")[:2] == (200, b'{"status":"ok"}')


def test_readyz_says_what_is_missing() -> None:
    assert get("/readyz")[0] == 200
    status, body, _ = get("/readyz?verbose", why="draining")
    assert (status, json.loads(body)) == (503, {"status": "not ready", "reason": "draining"})


def test_metrics_are_rendered_when_asked_for() -> None:
    assert get("/metrics")[:2] == (200, b"the metrics")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"POST /healthz HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000, 400),
    ],
)
def test_other_requests_get_a_clear_refusal(request_head: bytes, status: int) -> None:
    assert ask(request_head)[0] == status


def test_a_request_may_come_in_pieces_and_head_has_no_body() -> None:
    assert ask(b"GET /heal", b"thz HTTP/1.1\r\n", b"\r\n")[0] == 200
    status, body, transport = ask(b"HEAD /healthz HTTP/1.1\r\n\r\n")
    assert (status, body, transport.closed) == (200, b"", True)


def test_the_tally_becomes_prometheus_text() -> None:
    tally = Tally()
    tally.count(None, 0.002, 30)
    tally.count("Function.Timeout", 3.0, 40)
    tally.initialised(ok=True, duration_ms=120)
    text = metrics.render(tally, 4, {"namespace": "default", "function": "hello", "revision": "r"})[0].decode()
    labels = 'function="hello",namespace="default"'
    assert f'lambent_shim_invocations_total{{{labels},outcome="success",reason="",revision="r"}} 1.0' in text
    assert f'lambent_shim_invocations_total{{{labels},outcome="function_error",reason="Function.Timeout",revision="r"}} 1.0' in text
    assert 'lambent_shim_handler_duration_seconds_bucket{function="hello",le="0.0025",namespace="default",revision="r"} 1.0' in text
    assert f'lambent_shim_handler_duration_seconds_count{{{labels},revision="r"}} 2.0' in text
    assert f'lambent_shim_init_seconds{{{labels},revision="r"}} 0.12' in text
