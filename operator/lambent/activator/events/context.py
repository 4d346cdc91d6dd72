"""What both payload formats say about a request beside its parts: who asked, where, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from lambent.activator.http import HttpRequest
from lambent.activator.trace import TRACE_HEADER

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function through a URL or an http Trigger, apart from the request itself."""

    request_id: str
    trace_id: str
    epoch_seconds: float
    account: str
    api: str
    route_key: str
    resource: str = ""
    """The Trigger's path; payload format 1.0 only."""
    parameters: dict[str, str] | None = None
    function_url: bool = False
    """Whether it came through the function's URL. AWS writes some parts of such events in a way of their own."""


def clf_time(epoch_seconds: float) -> str:
    """Common Log Format, in UTC: `12/Mar/2020:19:03:58 +0000`."""
    return _clf_time(int(epoch_seconds))


@lru_cache(maxsize=4)
def _clf_time(epoch_seconds: int) -> str:
    moment = time.gmtime(epoch_seconds)
    return (
        f"{moment.tm_mday:02d}/{_MONTHS[moment.tm_mon - 1]}/{moment.tm_year}:"
        f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )


def forwarded_headers(request: HttpRequest, trace_id: str) -> dict[str, str]:
    """The request's headers in lower case, with what a gateway sets; without hop-by-hop ones (RFC 9110, 7.6.1)."""
    headers = {name: value for name, value in request.lower.items() if name not in _HOP_BY_HOP}
    earlier = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{earlier}, {request.peer}" if earlier else request.peer
    headers["x-forwarded-port"] = str(request.port)
    headers["x-forwarded-proto"] = request.scheme
    if not headers.get(TRACE_HEADER):
        # A trace that begins here has no parent yet that a handler could name.
        headers[TRACE_HEADER] = trace_id.partition(";")[0]
    return headers
