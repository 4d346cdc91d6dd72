"""What the front does not take: one line in the log, one count, whoever asked named."""

import logging

import pytest

from lambent.activator.front.message import Refusal
from lambent.activator.http import HttpRequest
from tests.support.front_client import Client, build_front
from tests.support.gateway_world import GatewayWorld

REQUEST = HttpRequest("POST", "/", "", [("Host", "hello.default")], b"", "192.0.2.7")


@pytest.mark.parametrize("request_", [None, REQUEST])
def test_a_refusal_names_its_client_and_status(request_: HttpRequest | None, caplog: pytest.LogCaptureFixture) -> None:
    world = GatewayWorld()
    with caplog.at_level(logging.INFO):
        assert world.gateway.refuse(Refusal(408, "too slow", request_), "192.0.2.7").status == 408

    (line,) = caplog.records
    assert line.getMessage() == "request refused: answered 408: too slow"
    assert vars(line)["client"] == "192.0.2.7"
    assert world.metrics.counted == [("refused", "Caller.BadRequest")]


def test_the_front_adds_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    world = GatewayWorld()
    client = Client(build_front(world.gateway))
    with caplog.at_level(logging.INFO):
        client.send(b"NONSENSE\r\n\r\n")

    assert [record.name for record in caplog.records] == ["lambent.activator.access"]
