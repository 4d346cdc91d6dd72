"""examples/ as data: each folder's manifests and the calls its events/calls.yaml lists, with what they must answer.

function: NAME
calls:
  - invoke: {event: {...}} or {file: event.json}           the Lambda API
    expect: {result: ..., functionError: Unhandled, log: a part of the log tail}
  - request: {host, path, method, headers, body | file}    HTTP; without `host`, the function's URL
    expect: {status, headers, cookies, json, text, contains, bodyStart (base64), file}
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.http_client import HttpClient, Response
from tests.support.matching import differences

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Call:
    """One call of an example and what it must answer."""

    folder: Path
    index: int
    invoke: Mapping[str, Any] | None
    request: Mapping[str, Any] | None
    expect: Mapping[str, Any]

    def payload(self) -> bytes:
        """The event of an `invoke`, or the body of a `request`."""
        source = self.invoke if self.invoke is not None else self.request or {}
        if "file" in source:
            return (self.folder / "events" / str(source["file"])).read_bytes()
        if self.invoke is not None:
            return json.dumps(source["event"]).encode()
        return str(source.get("body", "")).encode()

    def problems(self, answer: Response) -> list[str]:
        """Where the answer is not what the example promises."""
        return [f"{self.folder.name} call {self.index}: {problem}" for problem in self._problems(answer)]

    def _problems(self, answer: Response) -> Iterator[str]:
        expect = self.expect
        if answer.status != expect.get("status", 200):
            yield f"status: expected {expect.get('status', 200)}, got {answer.status} {answer.body[:500]!r}"
        if answer.function_error != expect.get("functionError"):
            yield f"functionError: expected {expect.get('functionError')}, got {answer.function_error} {answer.body[:500]!r}"
        for name in ("result", "json"):
            if name in expect:
                yield from differences(expect[name], json.loads(answer.body), name)
        if "headers" in expect:
            yield from differences(expect["headers"], dict(answer.headers), "headers")
        if "cookies" in expect:
            yield from differences(expect["cookies"], list(answer.cookies), "cookies")
        if "text" in expect and answer.body.decode() != expect["text"]:
            yield f"text: expected {expect['text']!r}, got {answer.body!r}"
        if "contains" in expect and expect["contains"] not in answer.body.decode():
            yield f"contains: {expect['contains']!r} is not in {answer.body!r}"
        if "bodyStart" in expect and not answer.body.startswith(base64.b64decode(expect["bodyStart"])):
            yield f"bodyStart: got {answer.body[:80]!r}"
        if "file" in expect and answer.body != (self.folder / "events" / expect["file"]).read_bytes():
            yield f"file: the body differs from {expect['file']}: {answer.body!r}"
        if "log" in expect and expect["log"] not in answer.log:
            yield f"log: {expect['log']!r} is not in {answer.log!r}"


@dataclass(frozen=True)
class Example:
    """A folder of examples/."""

    name: str
    folder: Path
    function: str
    manifests: tuple[dict[str, Any], ...]
    calls: tuple[Call, ...]


def perform(http: HttpClient, namespace: str, example: Example, call: Call) -> Response:
    """Makes the call, where the example's function is in that namespace."""
    if call.request is None:
        return http.invoke(namespace, example.function, payload=call.payload(), tail=True)
    headers = {"Host": call.request.get("host", f"{example.function}.{namespace}"), **call.request.get("headers", {})}
    return http.request(call.request.get("method", "GET"), call.request["path"], call.payload(), headers)


def load_example(folder: Path) -> Example:
    """The example in that folder."""
    described = yaml.safe_load((folder / "events/calls.yaml").read_text(encoding="utf-8"))
    manifests: list[dict[str, Any]] = []
    for name in ("function.yaml", "trigger.yaml"):
        if (folder / name).exists():
            manifests += [item for item in yaml.safe_load_all((folder / name).read_text(encoding="utf-8")) if item]
    calls = tuple(
        Call(folder, index, item.get("invoke"), item.get("request"), item["expect"]) for index, item in enumerate(described["calls"])
    )
    return Example(folder.name, folder, described["function"], tuple(manifests), calls)


def load_examples() -> list[Example]:
    """All of them, by name."""
    return [load_example(path.parents[1]) for path in sorted(EXAMPLES.glob("*/events/calls.yaml"))]
