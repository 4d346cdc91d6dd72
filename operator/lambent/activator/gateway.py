"""From a request to a response: finds the function, builds its event, has it invoked, and writes what comes back.

Three doors, one way in: the Lambda API, function URLs, http Triggers. Knows nothing of servers and links.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lambent.activator import cors
from lambent.activator.admission.model import Failure, FunctionKey, Invocation
from lambent.activator.answer import encode_meta, finish, public_message, reason_of, web_error
from lambent.activator.api import error as api_error
from lambent.activator.api import invoke
from lambent.activator.events import format_1, format_2
from lambent.activator.events.context import Call
from lambent.activator.events.response import BadResponseError
from lambent.activator.http import HttpRequest, HttpResponse
from lambent.activator.identity import Identities
from lambent.activator.reply import Answer, Reply
from lambent.activator.routing.route import Match
from lambent.activator.routing.table import ANY_HOST, Table, Target
from lambent.api.names import function_arn
from lambent.api.reasons import (
    CALLER_FORBIDDEN,
    CALLER_NOT_FOUND,
    CALLER_TOO_LARGE,
    FUNCTION_BAD_RESPONSE,
    FUNCTION_INIT_ERROR,
    Reason,
    Side,
)

_log = logging.getLogger("lambent.activator.access")


class InvocationMetrics(Protocol):
    """What the gateway counts."""

    def succeeded(self, function: FunctionKey, total_seconds: float, queue_seconds: float) -> None:
        """An invocation went well."""

    def failed(self, function: FunctionKey, outcome: str, reason: str, total_seconds: float) -> None:
        """An invocation went wrong."""

    def cold_start(self, function: FunctionKey, wait_seconds: float) -> None:
        """An invocation waited for a pod."""

    def request_refused(self, reason: str) -> None:
        """A request reached no function."""


@dataclass(frozen=True, slots=True)
class Web:
    """How one HTTP call becomes an event and its result a response."""

    function: FunctionKey
    call: Call
    version_1: bool = False


class Gateway:
    """`table` is replaced by whoever watches the configuration."""

    def __init__(
        self,
        call_function: Callable[[Invocation], Awaitable[Answer]],
        metrics: InvocationMetrics,
        *,
        clock: Callable[[], float] = time.time,
        identities: Identities | None = None,
    ) -> None:
        self.table = Table()
        self._invoke = call_function
        self._metrics = metrics
        self._clock = clock
        self._identities = identities or Identities()

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The answer to any request. Cancelling it cancels the invocation.

        A Trigger's host comes first and hides the Lambda API; then function URLs, the API, and Triggers for any host.
        """
        table, host = self.table, request.host
        tree = table.hosts.get(host) if table.hosts else None
        if tree is not None and (match := tree.match(request.method, request.path)) is not None:
            return await self._handle_route(request, match)
        target = table.function_at(host)
        if target is not None:
            return await self._handle_url(request, target)
        if tree is None and request.path.startswith(invoke.PREFIX):
            return await self._handle_api(request)
        anywhere = table.hosts.get(ANY_HOST)
        if anywhere is not None and (match := anywhere.match(request.method, request.path)) is not None:
            return await self._handle_route(request, match)
        request_id = self._identities.request_id()
        self._refused(
            request, request_id, CALLER_NOT_FOUND, f"no function and no route takes {request.method} {request.path} at host {host!r}"
        )
        return web_error(404, "Not Found", CALLER_NOT_FOUND, request_id)

    def refuse_large(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request whose body is over Lambda's limit; the body was not read."""
        request_id = self._identities.request_id()
        self._refused(request, request_id, CALLER_TOO_LARGE, f"the body is over {invoke.MAX_PAYLOAD_BYTES} bytes")
        if request.path.startswith(invoke.PREFIX):
            return api_error.error_response(api_error.too_large(invoke.MAX_PAYLOAD_BYTES), request_id)
        return web_error(413, "Request Too Long", CALLER_TOO_LARGE, request_id)

    # The Lambda API

    async def _handle_api(self, request: HttpRequest) -> HttpResponse:
        request_id = self._identities.request_id()
        try:
            asked = invoke.parse_invoke(request)
            target = self._find_target(asked.function.key, asked.function.qualifier)
            if asked.invocation_type == "DryRun":
                return HttpResponse(204, [("x-amzn-requestid", request_id), ("x-amz-executed-version", target.version)])
        except api_error.ApiError as error:
            self._refused(request, request_id, error.reason, error.message)
            return api_error.error_response(error, request_id)
        meta = encode_meta(target, request_id, asked.trace_id, asked.client_context)
        answer = await self._call(target.key, request_id, meta, asked.payload, tail=asked.tail)
        if isinstance(answer, Reply):
            response = invoke.reply_response(answer, request_id, target.version, tail=asked.tail)
            finish(response, answer)
            return response
        if answer.reason is FUNCTION_INIT_ERROR:
            return invoke.init_error_response(answer, request_id, target.version)
        return api_error.error_response(api_error.of_failure(answer), request_id, answer.retry_after_seconds)

    def _find_target(self, key: FunctionKey, qualifier: str) -> Target:
        target = self.table.functions.get(key)
        arn = target.arn if target is not None else function_arn(key.name, key.namespace)
        if target is None or (qualifier and qualifier != target.version):
            raise api_error.not_found(f"{arn}:{qualifier}" if qualifier else arn)
        return target

    # Function URLs and http Triggers

    async def _handle_url(self, request: HttpRequest, target: Target) -> HttpResponse:
        if target.url.auth != "NONE":
            request_id = self._identities.request_id()
            self._refused(request, request_id, CALLER_FORBIDDEN, f"url.auth {target.url.auth} of {target.key.name} is not served yet")
            return web_error(403, "Forbidden", CALLER_FORBIDDEN, request_id)
        policy = target.url.cors
        if policy is not None and cors.is_preflight(request):
            return cors.preflight_response(policy, request)
        call = self._describe(request, account="anonymous", api=target.key.name, route_key="$default")
        response = await self._handle_web(request, target, Web(target.key, call))
        if policy is not None:
            cors.add_cors(policy, request, response)
        return response

    async def _handle_route(self, request: HttpRequest, match: Match) -> HttpResponse:
        route = match.route
        call = self._describe(
            request,
            account=route.trigger.namespace,
            api=route.trigger.name,
            route_key=route.key(request.method),
            resource=route.path,
            parameters=dict(match.parameters),
            decode_path=True,
        )
        target = self.table.functions.get(route.function)
        if target is None:
            message = f"Trigger {route.trigger.name} names Function {route.function.name}, which is not there"
            self._refused(request, call.request_id, CALLER_NOT_FOUND, message)
            return web_error(404, "Not Found", CALLER_NOT_FOUND, call.request_id)
        return await self._handle_web(request, target, Web(target.key, call, route.payload_format == "1.0"))

    def _describe(
        self,
        request: HttpRequest,
        *,
        account: str,
        api: str,
        route_key: str,
        resource: str = "",
        parameters: dict[str, str] | None = None,
        decode_path: bool = False,
    ) -> Call:
        now = self._clock()
        trace_id = request.lower.get("x-amzn-trace-id") or self._identities.trace_id(now)
        return Call(self._identities.request_id(), trace_id, now, account, api, route_key, resource, parameters, decode_path)

    async def _handle_web(self, request: HttpRequest, target: Target, web: Web) -> HttpResponse:
        call = web.call
        payload_format = format_1 if web.version_1 else format_2
        event = payload_format.build_event(request, call)
        if len(event) > invoke.MAX_PAYLOAD_BYTES:
            # Base64 makes a body a third bigger: the event counts, as on AWS.
            self._refused(request, call.request_id, CALLER_TOO_LARGE, f"the event has {len(event)} bytes, over {invoke.MAX_PAYLOAD_BYTES}")
            return web_error(413, "Request Too Long", CALLER_TOO_LARGE, call.request_id)
        meta = encode_meta(target, call.request_id, call.trace_id, None)
        answer = await self._call(target.key, call.request_id, meta, event)
        if isinstance(answer, Failure):
            return web_error(answer.reason.url_status, public_message(answer), answer.reason, call.request_id, answer.retry_after_seconds)
        if answer.function_error:
            return self._finish_web(web_error(502, "Internal Server Error", reason_of(answer), call.request_id), answer)
        try:
            response = payload_format.build_response(answer.payload)
        except BadResponseError as error:
            self._log_failure(target.key, call.request_id, FUNCTION_BAD_RESPONSE, str(error))
            return self._finish_web(web_error(502, "Internal Server Error", FUNCTION_BAD_RESPONSE, call.request_id), answer)
        response.headers += [("x-amzn-requestid", call.request_id), ("x-amzn-trace-id", call.trace_id)]
        return self._finish_web(response, answer)

    @staticmethod
    def _finish_web(response: HttpResponse, answer: Reply) -> HttpResponse:
        finish(response, answer)
        return response

    # All doors

    async def _call(self, function: FunctionKey, request_id: str, meta: bytes, payload: bytes, *, tail: bool = False) -> Answer:
        answer = await self._invoke(Invocation(function, meta, payload, tail=tail))
        if isinstance(answer, Failure):
            self._metrics.failed(function, answer.reason.outcome, answer.reason.code, 0.0)
            self._log_failure(function, request_id, answer.reason, answer.message)
            return answer
        if answer.waited_for_start:
            self._metrics.cold_start(function, answer.queue_seconds)
        if answer.function_error:
            reason = reason_of(answer)
            self._metrics.failed(function, reason.outcome, reason.code, answer.total_seconds)
            self._log_failure(function, request_id, reason, "")
        else:
            self._metrics.succeeded(function, answer.total_seconds, answer.queue_seconds)
        return answer

    def _refused(self, request: HttpRequest, request_id: str, reason: Reason, message: str) -> None:
        self._metrics.request_refused(reason.code)
        fields = {
            "requestId": request_id,
            "side": reason.side.value,
            "reason": reason.code,
            "method": request.method,
            "client": request.client,
        }
        _log.info("request refused: %s", message, extra=fields)

    @staticmethod
    def _log_failure(function: FunctionKey, request_id: str, reason: Reason, message: str) -> None:
        fields = {
            "namespace": function.namespace,
            "function": function.name,
            "requestId": request_id,
            "side": reason.side.value,
            "reason": reason.code,
        }
        level = logging.WARNING if reason.side is Side.PLATFORM else logging.INFO
        _log.log(level, "invocation failed: %s", message or reason.code, extra=fields)
