"""The port activators push statistics to. Standbys take them in too, so that a new leader knows all that the old one knew."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from lambent.api.fields import InvalidSpecError
from lambent.autoscaler.statistics import Push, parse_push
from lambent.kube.errors import KubeError
from lambent.kube.tokens import PodIdentity, TokenRefusedError
from lambent.telemetry.listener import Listener

logger: Final = logging.getLogger(__name__)
PATH: Final = "/statistics"
_LARGEST_PUSH_BYTES: Final = 8 << 20
"""Some 60,000 active functions."""


class StatisticsReceiver(Listener):
    """Listens from `start` to `close`; an asynchronous context manager.

    Answers 204, or an error as JSON `{error}`: 400 names the field; 401 for a token that proves nothing, 403 for one of anybody but an
    activator, 503 while the API server cannot be asked.
    """

    def __init__(
        self,
        port: int,
        identify: Callable[[str], Awaitable[PodIdentity]],
        allowed: tuple[str, str],
        receive: Callable[[Push], None],
        *,
        host: str | None = None,
    ) -> None:
        """`identify` says whose a token is; `allowed` is the (namespace, service account) of activators; `receive` takes in a push."""
        super().__init__(port, host, keepalive_timeout=60.0)
        self._identify = identify
        self._allowed = allowed
        self._receive = receive

    def build_application(self) -> web.Application:
        """The one path that activators push to."""
        app = web.Application(client_max_size=_LARGEST_PUSH_BYTES)
        app.router.add_post(PATH, self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        refusal = await self._refuse(request)
        if refusal is not None:
            return refusal
        try:
            push = parse_push(json.loads(await request.read()))
        except InvalidSpecError as error:
            return _error(400, str(error))
        except ValueError as error:
            return _error(400, f"the body is not JSON: {error}")
        self._receive(push)
        return web.Response(status=204)

    async def _refuse(self, request: web.Request) -> web.Response | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return _error(401, "Authorization: a bearer token is missing")
        try:
            identity = await self._identify(token.strip())
        except TokenRefusedError as error:
            return _error(401, f"Authorization: {error}")
        except KubeError as error:
            logger.warning("token not reviewed", extra={"error": str(error)})
            return _error(503, "the Kubernetes API cannot be asked about the token now")
        if (identity.namespace, identity.service_account) != self._allowed:
            sender = f"{identity.namespace}/{identity.service_account}"
            return _error(403, f"Authorization: statistics are taken from {'/'.join(self._allowed)} alone, not from {sender}")
        return None


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
