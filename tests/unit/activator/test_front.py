"""What the server writes, and how it reads request targets."""

import asyncio

import pytest

from lambent.activator.front import encode_head, split_target
from lambent.activator.http import HttpRequest, HttpResponse


def head(response: HttpResponse, **more: bool) -> list[str]:
    async def encode() -> bytes:
        return encode_head(response, **{"keep_alive": True, **more})

    lines = asyncio.run(encode()).decode("latin-1").split("\r\n")
    assert lines[-2:] == ["", ""]
    return [line for line in lines[:-2] if not line.startswith("date: ")]


def test_a_head_has_status_headers_and_length() -> None:
    response = HttpResponse(404, [("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2")], b"hello")

    assert head(response) == [
        "HTTP/1.1 404 Not Found",
        "content-type: text/plain",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "content-length: 5",
    ]


def test_a_connection_that_ends_says_so() -> None:
    assert head(HttpResponse(200), keep_alive=False)[-1] == "connection: close"
    assert head(HttpResponse(200), http_1_0=True)[-1] == "connection: keep-alive"


def test_no_content_has_no_length() -> None:
    assert head(HttpResponse(204)) == ["HTTP/1.1 204 No Content"]


def test_a_status_without_a_name_still_has_a_phrase() -> None:
    assert head(HttpResponse(299))[0] == "HTTP/1.1 299 Unknown"


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/", ("/", "", "")),
        ("/a%20b?x=1?y", ("/a%20b", "?", "x=1?y")),
        ("/a#b?c", ("/a", "", "")),
        ("http://host:80/a?b", ("/a", "?", "b")),
        ("http://host", ("/", "", "")),
        ("*", ("*", "", "")),
    ],
)
def test_targets_are_split_into_path_and_query(target: str, parts: tuple[str, str, str]) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize(
    ("host", "name"), [("Hello.Default", "hello.default"), ("a.b:80", "a.b"), ("[::1]:8080", "[::1]"), ("", ""), ("a.b.", "a.b.")]
)
def test_a_host_is_lower_case_and_without_port(host: str, name: str) -> None:
    assert HttpRequest("GET", "/", "", [("Host", host)], b"", "").host == name
