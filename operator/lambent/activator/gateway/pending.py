"""A request whose function has been asked: from the answer to the response."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Protocol

from lambent.activator.admission.model import Invocation
from lambent.activator.front.ports import Respond
from lambent.activator.gateway.access_log import Record
from lambent.activator.gateway.answer import web_error
from lambent.activator.http import HttpResponse
from lambent.activator.reply import Answer
from lambent.api.reasons import PLATFORM_INTERNAL

_log = logging.getLogger("lambent.activator.gateway.gateway")


class Invoker(Protocol):
    """Who has functions invoked."""

    def submit(self, invocation: Invocation) -> None:
        """`invocation.waiter` is called with the answer, before this returns or later; never once it is cancelled."""

    def cancel(self, invocation: Invocation) -> None:
        """Nobody waits for it any more; harmless when it has been answered."""


class Pending(ABC):
    """One such request, for as long as it waits. The front's `Ticket`."""

    __slots__ = ("_invocation", "_invoker", "_record", "_request_id", "_respond")

    def __init__(self, invoker: Invoker, record: Record, request_id: str, invocation: Invocation, respond: Respond) -> None:
        self._invoker = invoker
        self._record = record
        self._request_id = request_id
        self._invocation = invocation
        self._respond = respond
        invocation.waiter = self._answered

    def start(self) -> None:
        """Have the function invoked."""
        self._invoker.submit(self._invocation)

    def cancel(self) -> None:
        """The caller is gone."""
        self._invoker.cancel(self._invocation)
        self._invocation.waiter = None

    def _answered(self, answer: Answer) -> None:
        # The two hold each other; unless that ends here, the garbage collector has to find every request that ever was.
        self._invocation.waiter = None
        try:
            self._record.answered(self._invocation.function, self._request_id, answer)
            response = self._build(answer)
        except Exception:  # noqa: BLE001 - this runs in the midst of reading a link, which must not break for one answer we cannot write
            _log.exception("error while answering request %s", self._request_id)
            response = web_error(500, "Internal Server Error", PLATFORM_INTERNAL, self._request_id)
        self._respond(response)

    @abstractmethod
    def _build(self, answer: Answer) -> HttpResponse:
        """The response to an answer."""
