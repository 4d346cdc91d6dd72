"""A small HTTP server with a life of its own beside a role's work: it listens from `start` to `close`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

from aiohttp import web


class Listener(ABC):
    """An asynchronous context manager around an aiohttp application."""

    def __init__(self, port: int, host: str | None, **runner_options: Any) -> None:
        """`port` 0 takes a free one (see `port` after the start); `host` None means all addresses."""
        self.port = port
        self._host = host
        self._runner_options = runner_options
        self._runner: web.AppRunner | None = None

    @abstractmethod
    def build_application(self) -> web.Application:
        """What is served."""

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        runner = web.AppRunner(self.build_application(), access_log=None, handle_signals=False, **self._runner_options)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self.port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await self.close()
