"""What becomes of requests, counted and logged: refused ones, and invocations by outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from lambent.activator.admission.model import Failure, FunctionKey
from lambent.activator.gateway.answer import reason_of
from lambent.activator.gateway.log_quota import LogQuota
from lambent.activator.http import HttpRequest
from lambent.activator.reply import Answer
from lambent.api.reasons import Reason, Side

_log = logging.getLogger("lambent.activator.access")


class InvocationMetrics(Protocol):
    """What is counted."""

    def succeeded(self, function: FunctionKey, total_seconds: float, queue_seconds: float) -> None:
        """An invocation went well."""

    def failed(self, function: FunctionKey, outcome: str, reason: str, total_seconds: float) -> None:
        """An invocation went wrong."""

    def cold_start(self, function: FunctionKey, wait_seconds: float) -> None:
        """An invocation waited for a pod."""

    def request_refused(self, reason: str) -> None:
        """A request reached no function."""


class Record:
    """Counts all, logs what went wrong, so many lines of a kind in a second: a line for each good call would cost more than the call."""

    def __init__(self, metrics: InvocationMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._quota = LogQuota()

    def answered(self, function: FunctionKey, request_id: str, answer: Answer) -> None:
        """An invocation has ended, well or not."""
        metrics = self._metrics
        if isinstance(answer, Failure):
            metrics.failed(function, answer.reason.outcome, answer.reason.code, 0.0)
            self.failed(function, request_id, answer.reason, answer.message)
            return
        if answer.waited_for_start:
            metrics.cold_start(function, answer.queue_seconds)
        if answer.function_error:
            reason = reason_of(answer)
            metrics.failed(function, reason.outcome, reason.code, answer.total_seconds)
            self.failed(function, request_id, reason, "")
        else:
            metrics.succeeded(function, answer.total_seconds, answer.queue_seconds)

    def refused(self, request: HttpRequest | None, request_id: str, reason: Reason, message: str, client: str = "") -> None:
        """A request that reached no function; None: it was no HTTP, of `client`."""
        self._metrics.request_refused(reason.code)
        left_out = self._quota.take(reason.code, self._clock())
        if left_out < 0:
            return
        fields = {"requestId": request_id, "side": reason.side.value, "reason": reason.code, "client": client}
        if request is not None:
            fields |= {"method": request.method, "client": request.client}
        _log.info("request refused: %s%s", message, _more(left_out), extra=fields)

    def failed(self, function: FunctionKey, request_id: str, reason: Reason, message: str) -> None:
        """Log a failed invocation."""
        left_out = self._quota.take((function, reason.code), self._clock())
        if left_out < 0:
            return
        fields = {
            "namespace": function.namespace,
            "function": function.name,
            "requestId": request_id,
            "side": reason.side.value,
            "reason": reason.code,
        }
        level = logging.WARNING if reason.side is Side.PLATFORM else logging.INFO
        _log.log(level, "invocation failed: %s%s", message or reason.code, _more(left_out), extra=fields)


def _more(left_out: int) -> str:
    return f" ({left_out} more like it were not logged)" if left_out else ""
