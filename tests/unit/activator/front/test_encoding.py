"""What the server writes, and how it reads request targets."""

import pytest

from lambent.activator.front.encoding import Target, encode_head, split_target
from lambent.activator.http import HttpRequest, HttpResponse

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


def head(response: HttpResponse, **more: bool) -> list[str]:
    lines = encode_head(response, DATE, **{"keep_alive": True, **more}).decode("latin-1").split("\r\n")
    assert lines[-3:] == [f"date: {DATE}", "", ""]
    return lines[:-3]


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
        (b"/", ("/", "", "")),
        (b"/a%20b?x=1?y", ("/a%20b", "x=1?y", "")),
        (b"/a#b?c", ("/a", "", "")),
        (b"//a//b", ("//a//b", "", "")),
        (b"/?http://other/", ("/", "http://other/", "")),
        (b"http://host:80/a?b", ("/a", "b", "host:80")),
        (b"HTTPS://host?b", ("/", "b", "host")),
        (b"http://host", ("/", "", "host")),
        (b"*", ("*", "", "")),
    ],
)
def test_targets_are_split_into_path_and_query(target: bytes, parts: tuple[str, str, str]) -> None:
    assert split_target(target) == Target(*parts)


@pytest.mark.parametrize("target", [b"", b"host:443", b"a/b", b"ftp://host/a", b"http://", b"http:///a", b"?a"])
def test_other_forms_are_no_targets(target: bytes) -> None:
    assert split_target(target) is None


@pytest.mark.parametrize(
    ("host", "name"), [("Hello.Default", "hello.default"), ("a.b:80", "a.b"), ("[::1]:8080", "[::1]"), ("", ""), ("a.b.", "a.b.")]
)
def test_a_host_is_lower_case_and_without_port(host: str, name: str) -> None:
    assert HttpRequest("GET", "/", "", [("Host", host)], b"", "").host == name
