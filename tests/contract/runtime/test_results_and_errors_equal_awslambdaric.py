"""The same handlers, run by AWS's runtime and by ours, in a pod of their own and in a pool pod: the caller gets the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.runtime import probe_handlers
from tests.support.bootstrap_driver import Worker, configure, environment_of, run_bootstrap, run_generic_bootstrap
from tests.support.runtime_api import Oracle, run_oracle

HERE = Path(__file__).parent

Pair = tuple[Oracle, Worker]


def start_pair(handler: str, *, pooled: bool) -> Iterator[Pair]:
    environment = environment_of(configure(HERE, handler))
    with run_oracle(HERE, handler, environment) as oracle:
        if pooled:
            with run_generic_bootstrap(HERE) as bootstrap:
                yield oracle, bootstrap.become(environment)[0]
        else:
            with run_bootstrap(HERE, handler, environment) as bootstrap:
                yield oracle, bootstrap.worker()


@pytest.fixture(scope="module")
def dispatching(pooled: bool) -> Iterator[Pair]:
    yield from start_pair("probe_handlers.dispatch", pooled=pooled)


@pytest.fixture(scope="module")
def echoing() -> Iterator[Pair]:
    yield from start_pair("probe_handlers.echo", pooled=False)


@pytest.fixture(scope="module")
def reading_context(pooled: bool) -> Iterator[Pair]:
    yield from start_pair("probe_handlers.read_context", pooled=pooled)


@pytest.fixture(scope="module", params=[False, True], ids=["own pod", "pool pod"])
def pooled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def compare(pair: Pair, event: bytes, **meta: Any) -> bytes:
    oracle, worker = pair
    theirs, ours = oracle.invoke(event, **meta), worker.invoke(event, **meta)
    assert (ours.kind, normalise(ours.payload)) == (theirs.kind, normalise(theirs.payload))
    return ours.payload


def normalise(payload: bytes) -> bytes:
    """How deep a recursion gets depends on how many frames each runtime has itself below the handler."""
    return re.sub(rb"repeated \d+ more times", b"repeated many more times", payload)


@pytest.mark.parametrize("case", probe_handlers.CASES)
def test_the_outcome_is_the_same(dispatching: Pair, case: str) -> None:
    compare(dispatching, json.dumps({"case": case}).encode())


@pytest.mark.parametrize(
    "event",
    [
        b"{}", b"null", b'"text"', b"[1, 2.50, true]", b"1e400", b"12345678901234567890123", b'"\\ud83d\\ude00 \xc3\xbc"',
        b"", b"not json", b"\xff", b'"\\ud800"', b" 5 ", b'{"a": 1, "a": 2}', b"-0", b"0.10", b"\xef\xbb\xbf{}",
        b' {"a": 1}', b'{"a": 1} \n', '{"a": "\u00fc"}'.encode("utf-16"), b'{"a": "\xed\xa0\x80"}', b'{"a": "\xff"}',
        '\ufeff{"a": 1}'.encode(), "\ufeff 5".encode(), '\u00ef\u00bb\u00bf{"a": 1}'.encode(), b'{"\xef\xbb\xbf": "\xef\xbb\xbf"}',
    ],
)  # fmt: skip
def test_the_event_is_read_the_same(echoing: Pair, event: bytes) -> None:
    compare(echoing, event)


@pytest.mark.parametrize(
    "event",
    [
        b'{"a": NaN}',
        b"Infinity",
        b"{",
        b'{"a": 1} tail',
        b'"tab\tinside"',
        b"[1,]",
        b"'a'",
        b"01",
        '{"a": 1}'.encode("utf-16-le"),
        b" \xef\xbb\xbf{}",
    ],
)
def test_an_event_that_is_not_json_fails_with_the_same_type(echoing: Pair, event: bytes) -> None:
    # simplejson words some of its messages otherwise; Lambda's own front end lets none of these through.
    oracle, worker = echoing
    theirs, ours = json.loads(oracle.invoke(event).payload), json.loads(worker.invoke(event).payload)
    assert ours["errorType"] == theirs["errorType"] == "Runtime.UnmarshalError"
    assert ours["errorMessage"].startswith("Unable to unmarshal input: ")
    assert ours["stackTrace"] == theirs["stackTrace"] == []


CONTEXT = json.dumps({"custom": {"k": 1}, "env": {"locale": "de"}, "client": {"app_title": "app", "installation_id": "i"}})


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"clientContext": CONTEXT},
        {"clientContext": "{}"},
        {"clientContext": json.dumps({"w3c": {"traceparent": "00-1", "other": "x"}, "custom": {}})},
        {"clientContext": "{broken"},
        {"identity": json.dumps({"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"})},
        {"identity": "{}"},
        {"traceId": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"},
    ],
)
def test_the_context_is_the_same(reading_context: Pair, meta: dict[str, str]) -> None:
    oracle, worker = reading_context
    theirs, ours = oracle.invoke(b"{}", **meta), worker.invoke(b"{}", **meta)
    assert (ours.kind, ours.payload) == (theirs.kind, theirs.payload)


def test_the_context_follows_what_a_handler_does_to_the_environment(pooled: bool) -> None:
    for pair in start_pair("probe_handlers.change_environment", pooled=pooled):
        for how in ("set", "set", "delete", "replace", "nothing"):
            compare(pair, json.dumps({"how": how, "name": f"after-{how}"}).encode())


@pytest.mark.parametrize("handler", ["no_context", "three", "Holder", "CASES", "D"])
def test_a_handler_of_the_wrong_shape_fails_the_same(handler: str) -> None:
    for pair in start_pair(f"probe_handlers.{handler}", pooled=False):
        oracle, worker = pair
        theirs, ours = json.loads(oracle.invoke(b'{"a": 1}').payload), json.loads(worker.invoke(b'{"a": 1}').payload)
        # The call itself is the only frame there is: each runtime names its own file.
        assert len(ours.pop("stackTrace")) == len(theirs.pop("stackTrace")) == 1
        assert ours == theirs


@pytest.mark.parametrize(
    "event",
    [
        {"how": "sys.exit", "code": 0},
        {"how": "sys.exit", "code": None},
        {"how": "sys.exit", "code": 3},
        {"how": "sys.exit", "code": "a message"},
        {"how": "_exit", "code": 7},
        {"how": "kill", "signal": 9},
        {"how": "kill", "signal": 15},
        {"how": "segfault"},
        {"how": "raise", "name": "KeyboardInterrupt"},
        {"how": "raise", "name": "BaseException"},
        {"how": "raise", "name": "GeneratorExit"},
        {"how": "bad str"},
    ],
    ids=str,
)
def test_what_ends_the_process_ends_it_the_same_way(event: dict[str, Any], pooled: bool) -> None:
    for oracle, worker in start_pair("probe_handlers.exit_by", pooled=pooled):
        theirs, ours = oracle.invoke(json.dumps(event).encode()), worker.invoke(json.dumps(event).encode())
        assert (ours.kind, int(ours.payload) & 0xFF7F) == (theirs.kind, int(theirs.payload))
