"""Hostile connections, whole: what is sent, in which pieces, and how it ends. Pure; `random` decides everything.

Each attack is one request, or what stands in a request's place. The tests draw the same ones (tests/component/activator).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

FUNCTION = "echo"
_MOST_REQUESTS = 6
_MOST_PIECES = 8


class Ending(Enum):
    """What the client does once all is sent."""

    READ = auto()
    """Reads until something has come, then goes."""
    HALF_CLOSE = auto()
    """Says that it sends no more, and reads to the end."""
    ABORT = auto()
    """Resets the connection."""


@dataclass(frozen=True)
class Conversation:
    """One connection of a hostile client."""

    pieces: tuple[bytes, ...]
    requests: int
    ending: Ending

    def __repr__(self) -> str:
        shown = [f"{piece[:300]!r}… ({len(piece)} bytes)" if len(piece) > 300 else repr(piece) for piece in self.pieces]
        return f"Conversation({', '.join(shown)}; {self.ending.name})"


class Draw:
    """What attacks are made of: chance, and a function that answers those who ask properly."""

    def __init__(self, random: Random, namespace: str) -> None:
        self.random = random
        self.host = f"{FUNCTION}.{namespace}"
        self.invoke = f"/2015-03-31/functions/{namespace}:function:{FUNCTION}/invocations"


def make_conversation(random: Random, namespace: str = "default") -> Conversation:
    """One to a few attacks on one connection, cut somewhere, and perhaps left before the end."""
    draw = Draw(random, namespace)
    attacks = [random.choice(ATTACKS) for _ in range(random.randint(1, _MOST_REQUESTS))]
    data = b"".join(attack(draw) for attack in attacks)
    whole = random.random() < 0.75
    if not whole:
        data = data[: random.randint(0, len(data))]
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.randint(0, _MOST_PIECES - 1)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    ending = random.choice([Ending.READ, Ending.READ, Ending.HALF_CLOSE, Ending.ABORT]) if whole else Ending.ABORT
    return Conversation(tuple(piece for piece in pieces if piece), len(attacks), ending)


def _request(
    draw: Draw, method: str = "GET", target: str = "/", *headers: str, host: str = "", body: bytes = b"", version: str = "HTTP/1.1"
) -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {target} {version}", f"Host: {host or draw.host}", *headers, *length, "", ""]).encode("latin-1") + body


def _invoke(draw: Draw, *headers: str, body: bytes = b"{}", target: str = "") -> bytes:
    return _request(draw, "POST", target or draw.invoke, *headers, host="lambda.example", body=body)


def _letters(draw: Draw, most: int) -> str:
    """A text that has not been sent before, of up to so many characters."""
    return f"{draw.random.getrandbits(48):012x}" + "a" * draw.random.randint(0, most)


def _good(draw: Draw) -> bytes:
    return _invoke(draw, body=b'{"n": %d}' % draw.random.getrandbits(32))


def _long_host(draw: Draw) -> bytes:
    return _request(draw, host=_letters(draw, draw.random.choice([10, 240, 300, 60_000])))


def _long_target(draw: Draw) -> bytes:
    return _request(draw, "GET", "/" + _letters(draw, draw.random.choice([10, 240, 300, 16_300])) + "?" + _letters(draw, 20))


def _slashes(draw: Draw) -> bytes:
    return _request(draw, "GET", draw.random.choice(["/", "/x", "/%2F", "/%", "//", "/.", "/\xff"]) * draw.random.randint(1, 3000))


def _unknown_function(draw: Draw) -> bytes:
    name = _letters(draw, draw.random.choice([10, 60, 250, 10_000]))
    qualifier = draw.random.choice(["", "?Qualifier=" + _letters(draw, 200)])
    return _invoke(draw, target=f"/2015-03-31/functions/{name}/invocations{qualifier}")


def _trace(draw: Draw) -> bytes:
    trace = draw.random.choice(['"', "\\", "x", "\xe9", "Root=1-2-3;"]) * draw.random.choice([1, 100, 1024, 40_000])
    return draw.random.choice([_request(draw, "GET", "/", f"X-Amzn-Trace-Id: {trace}"), _invoke(draw, f"X-Amzn-Trace-Id: {trace}")])


def _client_context(draw: Draw) -> bytes:
    depth = draw.random.choice([1, 90, 600, 1200])
    text = draw.random.choice([b'{"a":' * depth + b"1" + b"}" * depth, b'{"a": NaN}', b'{"a": "\\ud800"}', b"[]", b"\xff" * 100])
    return _invoke(draw, f"X-Amz-Client-Context: {base64.b64encode(text).decode()}")


def _many_headers(draw: Draw) -> bytes:
    return _request(draw, "GET", "/", *[f"X-{number}: {_letters(draw, 20)}" for number in range(draw.random.choice([100, 250, 300]))])


def _large_header(draw: Draw) -> bytes:
    return _request(
        draw, "GET", "/", f"{draw.random.choice(['X', 'Cookie', 'Origin', 'X-Forwarded-For', 'User-Agent'])}: {_letters(draw, 70_000)}"
    )


def _payload(draw: Draw) -> bytes:
    deep = draw.random.randint(1, 3000)
    return _invoke(
        draw, body=draw.random.choice([b"NaN", b"[" * deep + b"]" * deep, b"1" * 5000, b'"\\ud800"', b"\xff", b"{", b'{"a": 1e400}'])
    )


def _large_payload(draw: Draw) -> bytes:
    return _invoke(draw, body=b'"' + b"x" * draw.random.choice([10_000, 100_000, 1_000_000]) + b'"')


def _length(draw: Draw) -> bytes:
    length = draw.random.choice(["9" * 5001, "0" * 5001, "-1", "+5", "5, 5", "0x5", "18446744073709551615", "6291457", "1e3", ""])
    return f"POST {draw.invoke} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nhello".encode()


def _chunks(draw: Draw) -> bytes:
    body = draw.random.choice(
        [
            b"5\r\nhello\r\n0\r\n\r\n",
            b"1;" + b"x" * 1000 + b"\r\n1\r\n" * 20 + b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"5\r\nhel",
            b"zz\r\n",
            b"0\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]
    )
    return f"POST {draw.invoke} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + body


def _two_framings(draw: Draw) -> bytes:
    framing = draw.random.choice(
        [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding:\tchunked\r\n Content-Length: 5",
        ]
    )
    return f"POST {draw.invoke} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n0\r\n\r\nhello".encode()


def _other_method(draw: Draw) -> bytes:
    method = draw.random.choice(["CONNECT", "TRACE", "PROPFIND", "PRI", "BREW", "get", "OPTIONS", "HEAD"])
    return _request(draw, method, draw.random.choice(["/", "*", "a:443", "http://a/"]), body=draw.random.choice([b"", b"hello"]))


def _upgrade(draw: Draw) -> bytes:
    offer = draw.random.choice(["h2c", "websocket", "x" * 1000])
    return _request(
        draw, "POST", draw.invoke, "Connection: Upgrade", f"Upgrade: {offer}", host="a", body=draw.random.choice([b"", b"{}", b"hello"])
    )


def _preflight(draw: Draw) -> bytes:
    asked = f"Access-Control-Request-Method: {_letters(draw, 5000)}"
    return _request(
        draw, "OPTIONS", "/", f"Origin: http://{_letters(draw, 5000)}", asked, f"Access-Control-Request-Headers: {_letters(draw, 5000)}"
    )


def _waiting_for_continue(draw: Draw) -> bytes:
    body = b"{}" if draw.random.random() < 0.5 else b""
    return f"POST {draw.invoke} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode() + body


def _old_version(draw: Draw) -> bytes:
    return _request(draw, version=draw.random.choice(["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "RTSP/1.0"]))


def _garbage(draw: Draw) -> bytes:
    return draw.random.choice(
        [b"\x16\x03\x01\x02\x00\x01", b"\x00" * 1000, b"\r\n" * 500, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n\r\n"]
    ) + bytes(draw.random.getrandbits(8) for _ in range(draw.random.randint(0, 20)))


def _row(draw: Draw) -> bytes:
    return _request(draw, "GET", "/nothing", host="nowhere.example") * draw.random.randint(1, 100)


ATTACKS: tuple[Callable[[Draw], bytes], ...] = (
    _good,
    _long_host,
    _long_target,
    _slashes,
    _unknown_function,
    _trace,
    _client_context,
    _many_headers,
    _large_header,
    _payload,
    _large_payload,
    _length,
    _chunks,
    _two_framings,
    _other_method,
    _upgrade,
    _preflight,
    _waiting_for_continue,
    _old_version,
    _garbage,
    _row,
)
