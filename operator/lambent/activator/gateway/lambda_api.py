"""The Lambda API's door: Invoke."""

from __future__ import annotations

from collections.abc import Callable

from lambent.activator.admission.model import FunctionKey, Invocation
from lambent.activator.front.ports import Respond, Ticket
from lambent.activator.gateway.access_log import Record
from lambent.activator.gateway.answer import encode_meta, finish
from lambent.activator.gateway.pending import Invoker, Pending
from lambent.activator.gateway.request_ids import Identities
from lambent.activator.http import HttpRequest, HttpResponse
from lambent.activator.lambda_api import errors as api_error
from lambent.activator.lambda_api import invoke
from lambent.activator.reply import Answer, Reply
from lambent.activator.routing.table import Table, Target
from lambent.api.functions.function import LATEST
from lambent.api.names import function_arn
from lambent.api.reasons import FUNCTION_INIT_ERROR


class ApiDoor:
    """Answers everything under the API's path prefix."""

    def __init__(self, invoker: Invoker, record: Record, identities: Identities, clock: Callable[[], float]) -> None:
        self._invoker = invoker
        self._record = record
        self._identities = identities
        self._clock = clock

    def handle(self, table: Table, request: HttpRequest, respond: Respond) -> Ticket | None:
        """Invoke, or the API's error."""
        request_id = self._identities.request_id()
        try:
            asked = invoke.parse_invoke(request)
            target = _find_target(table, asked.function.key, asked.function.qualifier)
        except api_error.ApiError as error:
            self._record.refused(request, request_id, error.reason, error.message)
            respond(api_error.error_response(error, request_id))
            return None
        if asked.invocation_type == "DryRun":
            respond(HttpResponse(204, [("x-amzn-requestid", request_id), ("x-amz-executed-version", target.version)]))
            return None
        trace_id = asked.trace_id or self._identities.trace_id(self._clock())
        meta = encode_meta(target, request_id, trace_id, asked.client_context)
        invocation = Invocation(target.key, meta, asked.payload, tail=asked.tail)
        pending = _Pending(self._invoker, self._record, request_id, invocation, respond)
        pending.version = target.version
        pending.trace_id = trace_id
        pending.start()
        return pending


def _find_target(table: Table, key: FunctionKey, qualifier: str) -> Target:
    target = table.functions.get(key)
    arn = target.arn if target is not None else function_arn(key.name, key.namespace)
    if target is None or (qualifier and qualifier != target.version):
        raise api_error.not_found(f"{arn}:{qualifier or LATEST}")
    return target


class _Pending(Pending):
    __slots__ = ("trace_id", "version")
    trace_id: str
    version: str
    """Of the function, as the answer names it."""

    def _build(self, answer: Answer) -> HttpResponse:
        if isinstance(answer, Reply):
            response = invoke.reply_response(answer, self._request_id, self.version, self.trace_id, tail=self._invocation.tail)
            finish(response, answer)
            return response
        if answer.reason is FUNCTION_INIT_ERROR:
            return invoke.init_error_response(answer, self._request_id, self.version)
        return api_error.error_response(api_error.of_failure(answer), self._request_id, answer.retry_after_seconds)
