"""The HTTP front over byte streams: whole requests, damaged ones and noise, cut wherever a network may cut them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import given, settings

from lambent.activator.http import HttpRequest
from tests.support.examples_drawn import examples
from tests.support.front_client import Answer, Client, ScriptedGateway, build_front

LIMITS = {"target_bytes": 200, "head_bytes": 2_000, "headers": 20, "body_bytes": 3_000}
Seen = tuple[str, str, bytes]


@dataclass(frozen=True)
class Sent:
    """A request as it is written, and as it must be read."""

    data: bytes
    seen: Seen


TOKENS = st.text("abcXYZ09-_~", min_size=1, max_size=8)
VALUES = st.text("".join(map(chr, [9, *range(32, 127), 0x80, 0xFF])), max_size=30)
CASINGS = st.sampled_from([str.lower, str.upper, str.title])


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Header lines that frame it, and the body framed."""
    body = draw(st.binary(max_size=400))
    if not body and draw(st.booleans()):
        return [], b""
    if draw(st.booleans()):
        return [b"content-length: %s%d" % (b"0" * draw(st.integers(0, 3)), len(body))], body
    framed, at = b"", 0
    while at < len(body):
        size = draw(st.integers(1, len(body) - at))
        extension = draw(st.sampled_from([b"", b";x", b";x=y", b';x="y z;"']))
        framed += b"%0*x%s\r\n%s\r\n" % (draw(st.integers(1, 4)), size, extension, body[at : at + size])
        at += size
    trailers = draw(st.sampled_from([b"", b"X-Trailer: 1\r\n", b"Host: evil\r\nA: b\r\n"]))
    return [b"Transfer-Encoding: " + draw(st.sampled_from([b"chunked", b"Chunked "]))], framed + b"0\r\n" + trailers + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]))
    target = "/" + draw(st.text("abc/%20?&=;", max_size=20))
    framing, framed = draw(bodies())
    lines = [b"Host: a", *framing]
    for name, value in draw(st.lists(st.tuples(TOKENS, VALUES), max_size=5)):
        lines.append(f"X-{draw(CASINGS)(name)}: {value}".encode("latin-1"))
    lines += draw(
        st.sampled_from([[], [], [b"Connection: upgrade", b"Upgrade: h2c"], [b"Expect: 100-continue"], [b"Connection: keep-alive"]])
    )
    lines = draw(st.permutations(lines))
    empty = b"\r\n" * draw(st.sampled_from([0, 0, 0, 1]))
    data = empty + f"{method} {target} HTTP/1.1\r\n".encode() + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + framed
    body = framed if not framing or framing[0].startswith(b"content") else read_chunks(framed, 0)[0]
    path, _, query = target.partition("?")
    return Sent(data, (method, shown(path, query), body))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A row of requests with a few bytes replaced, left out, or put in."""
    data = b"".join(sent.data for sent in draw(st.lists(requests(), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        instead = draw(st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00", b":", b"0", b"f", b"-", b",", b";", b"\xff"]))
        data = data[:at] + instead + data[at + draw(st.integers(0, 2)) :]
    return data


def shown(path: str, query: str) -> str:
    """A question mark with nothing behind it is not told on."""
    return f"{path}?{query}" if query else path


def seen(request: HttpRequest) -> Seen:
    return request.method, shown(request.path, request.query), request.body


def read(data: bytes, cuts: list[int]) -> tuple[list[HttpRequest], list[Answer], bool]:
    """What came through to the gateway and back to the client, `100 Continue` aside, and whether it ended."""
    gateway = ScriptedGateway()
    client = Client(build_front(gateway, **LIMITS))
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        client.send(data[start:end])
    answers = [answer for answer in client.answers() if answer.status != 100]
    ended = client.closed
    assert ended == any(answer["connection"] == "close" for answer in answers)
    client.vanish()
    assert client.front.budget.used == 0
    return gateway.requests, answers, ended


CUTS = st.lists(st.integers(0, 2_000), max_size=30)
STREAMS = st.one_of(
    damaged(),
    st.binary(max_size=300),
    st.lists(requests(), max_size=3).map(lambda row: b"".join(sent.data for sent in row)),
    st.lists(
        st.sampled_from(
            [
                b"GET / HTTP/1.1\r\n",
                b"Host: a\r\n",
                b"Content-Length: 3\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"\r\n",
                b"abc",
                b"0\r\n",
                b" ",
            ]
        ),
        max_size=12,
    ).map(b"".join),
)


@settings(max_examples=examples(150))
@given(st.lists(requests(), max_size=4), CUTS)
def test_every_request_is_read_as_it_was_written(row: list[Sent], cuts: list[int]) -> None:
    requests_, answers, ended = read(b"".join(sent.data for sent in row), cuts)

    assert [seen(request) for request in requests_] == [sent.seen for sent in row]
    assert [answer.status for answer in answers] == [200] * len(row)
    assert not ended


@settings(max_examples=examples(300))
@given(STREAMS, CUTS)
def test_cuts_change_nothing(data: bytes, cuts: list[int]) -> None:
    whole, cut = read(data, []), read(data, cuts)
    each = read(data, list(range(len(data))))

    for requests_, answers, ended in (cut, each):
        assert [(seen(request), request.headers) for request in requests_] == [(seen(request), request.headers) for request in whole[0]]
        assert [(answer.status, answer["connection"]) for answer in answers] == [
            (answer.status, answer["connection"]) for answer in whole[1]
        ]
        assert ended == whole[2]


@settings(max_examples=examples(300))
@given(STREAMS, CUTS)
def test_whatever_is_taken_is_what_a_strict_reader_takes(data: bytes, cuts: list[int]) -> None:
    """Smuggling needs two readers that disagree on where requests begin; the other one here is written after the grammar of RFC 9112."""
    requests_, answers, _ = read(data, cuts)

    expected = read_strictly(data)
    assert [seen(request) for request in requests_] == expected[: len(requests_)]
    assert [answer.status for answer in answers][: len(requests_)] == [200] * len(requests_)
    assert len(answers) <= len(requests_) + 1


_REQUEST_LINE = re.compile(rb"[\r\n]*([A-Z-]+) +([!-~]+) +HTTP/1\.([01])\r\n")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t -~\x80-\xff]*)?\r\n")


def read_strictly(data: bytes) -> list[Seen]:
    """The whole requests at the beginning of the data, up to the first thing that is none."""
    found: list[Seen] = []
    at = 0
    while (line := _REQUEST_LINE.match(data, at)) is not None:
        fields, at = read_fields(data, line.end())
        if fields is None:
            return found
        lengths = [value for name, value in fields if name == b"content-length"]
        codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
        if (
            len(lengths) + len(codings) > 1
            or (codings and codings != [b"chunked"])
            or (lengths and not re.fullmatch(rb"[0-9]+", lengths[0]))
        ):
            return found
        size = int(lengths[0]) if lengths else 0
        if codings:
            body, at = read_chunks(data, at)
        else:
            body, at = data[at : at + size], at + size
        if at < 0 or at > len(data):
            return found
        target = line[2].decode().partition("#")[0]
        target = re.sub("^https?://[^/?]*(?=[/?]|$)", "", target, flags=re.IGNORECASE)
        path, _, query = target.partition("?")
        found.append((line[1].decode(), shown(path or "/", query), body))
    return found


def read_fields(data: bytes, at: int) -> tuple[list[tuple[bytes, bytes]] | None, int]:
    """Header lines up to the empty one, and where what follows begins; None where there is no such thing."""
    fields = []
    while not data.startswith(b"\r\n", at):
        field = _FIELD.match(data, at)
        if field is None:
            return None, -1
        fields.append((field[1].lower(), field[2].strip(b" \t")))
        at = field.end()
    return fields, at + 2


def read_chunks(data: bytes, at: int) -> tuple[bytes, int]:
    """A chunked body, and where what follows begins; -1 where there is no such thing."""
    body = b""
    while (line := _CHUNK.match(data, at)) is not None:
        size, at = int(line[1], 16), line.end()
        if size == 0:
            return body, read_fields(data, at)[1]
        body += data[at : at + size]
        if data[at + size : at + size + 2] != b"\r\n":
            return body, -1
        at += size + 2
    return body, -1
