"""Clients that call without pause while a test does something to the cluster."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.http_client import Response


@dataclass(frozen=True)
class Outcome:
    """One call: when it began and ended (monotonic seconds), and the answer, or the connection's error."""

    began: float
    ended: float
    response: Response | None
    error: str | None

    @property
    def ok(self) -> bool:
        """Whether the handler answered without an error."""
        return self.response is not None and self.response.status == 200 and self.response.function_error is None

    def __str__(self) -> str:
        return f"{self.ended - self.began:.2f} s: {self.error or self.response!r}"


@dataclass
class Load:
    """`clients` threads calling `call` until the with-block ends."""

    call: Callable[[], Response]
    clients: int = 4
    pause: float = 0.02
    outcomes: list[Outcome] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run, name=f"load-{index}") for index in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self) -> list[Outcome]:
        """Calls that the handler did not answer well."""
        return [outcome for outcome in self.outcomes if not outcome.ok]

    def answered(self) -> int:
        """How many calls went well so far."""
        return sum(outcome.ok for outcome in self.outcomes)

    def summary(self) -> str:
        """All outcomes, counted, and the first failures."""
        kinds = Counter(
            "ok" if outcome.ok else outcome.error or f"{outcome.response.status if outcome.response else ''}" for outcome in self.outcomes
        )
        return f"{dict(kinds)}; failures: " + "; ".join(str(outcome) for outcome in self.failures[:5])

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            response, error = None, None
            try:
                response = self.call()
            except (OSError, http.client.HTTPException) as failure:
                error = f"{type(failure).__name__}: {failure}"
            self.outcomes.append(Outcome(began, time.monotonic(), response, error))
            self._stop.wait(self.pause)
