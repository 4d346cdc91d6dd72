"""The web's doors: function URLs and http Triggers."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from lambent.activator.admission.model import Failure, Invocation
from lambent.activator.events import format_1, format_2
from lambent.activator.events.context import Call
from lambent.activator.events.response import BadResponseError
from lambent.activator.front.ports import Respond, Ticket
from lambent.activator.gateway import cors
from lambent.activator.gateway.access_log import Record
from lambent.activator.gateway.answer import encode_meta, finish, public_message, reason_of, web_error
from lambent.activator.gateway.pending import Invoker, Pending
from lambent.activator.gateway.request_ids import Identities
from lambent.activator.http import HttpRequest, HttpResponse
from lambent.activator.lambda_api import invoke
from lambent.activator.reply import Answer
from lambent.activator.routing.route import Match
from lambent.activator.routing.table import Table, Target
from lambent.activator.trace import TRACE_HEADER, what_is_wrong
from lambent.api.invocation import Cors
from lambent.api.reasons import CALLER_BAD_REQUEST, CALLER_FORBIDDEN, CALLER_NOT_FOUND, CALLER_TOO_LARGE, FUNCTION_BAD_RESPONSE


class WebDoor:
    """Builds events of payload format 2.0 or 1.0, and responses out of results."""

    def __init__(self, invoker: Invoker, record: Record, identities: Identities, clock: Callable[[], float]) -> None:
        self._invoker = invoker
        self._record = record
        self._identities = identities
        self._clock = clock

    def handle_url(self, target: Target, request: HttpRequest, respond: Respond) -> Ticket | None:
        """A request at a function's URL."""
        url = target.url
        if url.auth != "NONE":
            request_id = self._identities.request_id()
            self._record.refused(request, request_id, CALLER_FORBIDDEN, f"url.auth {url.auth} of {target.key.name} is not served yet")
            respond(web_error(403, "Forbidden", CALLER_FORBIDDEN, request_id))
            return None
        policy = url.cors
        if policy is not None and cors.is_preflight(request):
            respond(cors.preflight_response(policy, request))
            return None
        call = self._describe(request, account="anonymous", api=target.key.name, route_key="$default", function_url=True)
        return self._invoke(target, request, call, format_2, policy, respond)

    def handle_route(self, table: Table, match: Match, request: HttpRequest, respond: Respond) -> Ticket | None:
        """A request that an http Trigger takes."""
        route = match.route
        call = self._describe(
            request,
            account=route.trigger.namespace,
            api=route.trigger.name,
            route_key=route.key(request.method),
            resource=route.path,
            parameters=dict(match.parameters),
        )
        target = table.functions.get(route.function)
        if target is None:
            message = f"Trigger {route.trigger.name} names Function {route.function.name}, which is not there"
            self._record.refused(request, call.request_id, CALLER_NOT_FOUND, message)
            respond(web_error(404, "Not Found", CALLER_NOT_FOUND, call.request_id))
            return None
        return self._invoke(target, request, call, format_1 if route.payload_format == "1.0" else format_2, None, respond)

    def _describe(
        self,
        request: HttpRequest,
        *,
        account: str,
        api: str,
        route_key: str,
        resource: str = "",
        parameters: dict[str, str] | None = None,
        function_url: bool = False,
    ) -> Call:
        now = self._clock()
        trace_id = request.lower.get(TRACE_HEADER) or self._identities.trace_id(now)
        return Call(self._identities.request_id(), trace_id, now, account, api, route_key, resource, parameters, function_url)

    def _invoke(
        self, target: Target, request: HttpRequest, call: Call, payload_format: ModuleType, policy: Cors | None, respond: Respond
    ) -> Ticket | None:
        if TRACE_HEADER in request.lower and (wrong := what_is_wrong(call.trace_id)):
            self._record.refused(request, call.request_id, CALLER_BAD_REQUEST, wrong)
            respond(web_error(400, wrong, CALLER_BAD_REQUEST, call.request_id))
            return None
        event: bytes = payload_format.build_event(request, call)
        if len(event) > invoke.MAX_PAYLOAD_BYTES:
            # Base64 makes a body a third bigger: the event counts, as on AWS.
            message = f"the event has {len(event)} bytes, over {invoke.MAX_PAYLOAD_BYTES}"
            self._record.refused(request, call.request_id, CALLER_TOO_LARGE, message)
            respond(web_error(413, "Request Too Long", CALLER_TOO_LARGE, call.request_id))
            return None
        invocation = Invocation(target.key, encode_meta(target, call.request_id, call.trace_id), event)
        pending = _Pending(self._invoker, self._record, call.request_id, invocation, respond)
        pending.trace_id = call.trace_id
        pending.build_response = format_2.build_url_response if call.function_url else payload_format.build_response
        pending.asked = (policy, request.lower.get("origin")) if policy is not None else None
        pending.start()
        return pending


class _Pending(Pending):
    __slots__ = ("asked", "build_response", "trace_id")
    trace_id: str
    build_response: Callable[[bytes], HttpResponse]
    asked: tuple[Cors, str | None] | None
    """Where the URL has a CORS policy: it, and the request's origin. Nothing else of a request is kept while its function runs."""

    def _build(self, answer: Answer) -> HttpResponse:
        response = self._build_plain(answer)
        if self.asked is not None:
            cors.add_cors(*self.asked, response)
        return response

    def _build_plain(self, answer: Answer) -> HttpResponse:
        request_id = self._request_id
        if isinstance(answer, Failure):
            return web_error(answer.reason.url_status, public_message(answer), answer.reason, request_id, answer.retry_after_seconds)
        response: HttpResponse
        if answer.function_error:
            response = web_error(502, "Internal Server Error", reason_of(answer), request_id)
        else:
            try:
                response = self.build_response(answer.payload)
            except BadResponseError as error:
                self._record.failed(self._invocation.function, request_id, FUNCTION_BAD_RESPONSE, str(error))
                response = web_error(502, "Internal Server Error", FUNCTION_BAD_RESPONSE, request_id)
            else:
                headers = response.headers
                headers.append(("x-amzn-requestid", request_id))
                headers.append(("x-amzn-trace-id", self.trace_id))
        finish(response, answer)
        return response
