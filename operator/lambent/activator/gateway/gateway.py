"""Which door a request takes: the Lambda API, a function's URL, an http Trigger, or none.

Knows nothing of servers and links. Nothing here waits: answers come through callbacks, so that a warm request costs no task.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from lambent.activator.front.limits import METHODS
from lambent.activator.front.message import Refusal
from lambent.activator.front.ports import Respond, Ticket
from lambent.activator.gateway.access_log import InvocationMetrics, Record
from lambent.activator.gateway.answer import web_error
from lambent.activator.gateway.lambda_api import ApiDoor
from lambent.activator.gateway.pending import Invoker
from lambent.activator.gateway.proxies import TrustedProxies
from lambent.activator.gateway.request_ids import Identities
from lambent.activator.gateway.web import WebDoor
from lambent.activator.http import HttpRequest, HttpResponse
from lambent.activator.lambda_api import errors as api_error
from lambent.activator.lambda_api import invoke
from lambent.activator.routing.table import Table
from lambent.api.reasons import CALLER_BAD_REQUEST, CALLER_NOT_FOUND, CALLER_TOO_LARGE, PLATFORM_INTERNAL, PLATFORM_OVERLOADED, Reason

_REFUSALS: dict[int, tuple[str, Reason]] = {
    413: ("Request Too Long", CALLER_TOO_LARGE),
    500: ("Internal Server Error", PLATFORM_INTERNAL),
    503: ("Service Unavailable", PLATFORM_OVERLOADED),
}

_LOGGED = 256
"""Characters of a path in the log."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Which doors a port has."""

    api: bool = True
    """The Lambda API."""
    web: bool = True
    """Function URLs and http Triggers."""
    in_cluster: bool = True
    """Function URLs at the hosts that cluster DNS alone knows."""


EVERY_DOOR = Doors()
API_ALONE = Doors(web=False)
WEB_ALONE = Doors(api=False)
PUBLIC_WEB = Doors(api=False, in_cluster=False)
"""What a port shows that is open to the outside."""


class Gateway:
    """`table` is kept by whoever watches the configuration. Implements the front's `Gateway`."""

    def __init__(
        self,
        invoker: Invoker,
        metrics: InvocationMetrics,
        *,
        clock: Callable[[], float] = time.time,
        identities: Identities | None = None,
        proxies: TrustedProxies | None = None,
        table: Table | None = None,
    ) -> None:
        """Without `proxies` none is trusted."""
        self.table = table or Table()
        self._proxies = proxies
        self._record = Record(metrics)
        self._identities = identities or Identities()
        self._api = ApiDoor(invoker, self._record, self._identities, clock)
        self._web = WebDoor(invoker, self._record, self._identities, clock)

    def handle(self, request: HttpRequest, respond: Respond) -> Ticket | None:
        """Answer any request at any door."""
        return self.handle_at(EVERY_DOOR, request, respond)

    def handle_at(self, doors: Doors, request: HttpRequest, respond: Respond) -> Ticket | None:
        """Answer a request at some doors.

        A Trigger's host is its namespace's alone: nothing else answers there but the function whose URL it is. Elsewhere function URLs come
        first, then the API, and Triggers that name no host.
        """
        if self._proxies is not None:
            self._proxies.apply(request)
        table, host = self.table, request.host
        if doors.web:
            routes = table.hosts.get(host) if table.hosts else None
            if routes is not None and (match := routes.match(request.method, request.path)) is not None:
                return self._web.handle_route(table, match, request, respond)
            target = table.function_at(host, in_cluster=doors.in_cluster)
            if target is not None:
                return self._web.handle_url(target, request, respond)
            if routes is not None:
                self._refuse_unknown(request, respond)
                return None
        if doors.api and request.path.startswith(invoke.PREFIX):
            return self._api.handle(table, request, respond)
        anywhere = table.anywhere
        if doors.web and anywhere is not None and table.is_open(host):
            match = anywhere.match(request.method, request.path)
            if match is not None:
                return self._web.handle_route(table, match, request, respond)
        self._refuse_unknown(request, respond)
        return None

    def _refuse_unknown(self, request: HttpRequest, respond: Respond) -> None:
        request_id = self._identities.request_id()
        message = f"no function and no route takes {request.method} {request.path[:_LOGGED]} at host {request.host!r}"
        self._record.refused(request, request_id, CALLER_NOT_FOUND, message)
        respond(web_error(404, "Not Found", CALLER_NOT_FOUND, request_id))

    def refuse(self, refusal: Refusal, client: str) -> HttpResponse:
        """The answer to what the front did not take."""
        request, status, message = refusal.request, refusal.status, refusal.message
        request_id = self._identities.request_id()
        text, reason = _REFUSALS.get(status) or (HTTPStatus(status).phrase, CALLER_BAD_REQUEST)
        self._record.refused(request, request_id, reason, f"answered {status}: {message}", client)
        retry_after_seconds = 1 if status == 503 else None
        if request is None or not request.path.startswith(invoke.PREFIX):
            response = web_error(status, text, reason, request_id, retry_after_seconds)
            if status == 405:
                # RFC 9110, 15.5.6.
                response.headers.append(("allow", ", ".join(METHODS)))
            return response
        if status == 413:
            return api_error.error_response(api_error.too_large(invoke.MAX_PAYLOAD_BYTES), request_id)
        error = api_error.ApiError(reason.api_error, status, message, reason)
        return api_error.error_response(error, request_id, retry_after_seconds)


class GatewayAt:
    """A gateway as one port shows it. Implements the front's `Gateway`."""

    def __init__(self, gateway: Gateway, doors: Doors) -> None:
        self._gateway = gateway
        self._doors = doors

    def handle(self, request: HttpRequest, respond: Respond) -> Ticket | None:
        """Answer a request at this port's doors."""
        return self._gateway.handle_at(self._doors, request, respond)

    def refuse(self, refusal: Refusal, client: str) -> HttpResponse:
        """The answer to what the front did not take."""
        return self._gateway.refuse(refusal, client)
