"""The REST client: JSON in, JSON out, errors by status. Everything Lambent does with Kubernetes goes through it.

Paths come from `lambent.kube.paths`. Reads that got no answer are tried again; writes never are, since they may have had their effect:
their callers read and decide anew. Source: Kubernetes API concepts (patch formats, server-side apply, deletion, field managers).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from lambent.kube.access import ClusterAccess, find_access, in_cluster_access, kubeconfig_access
from lambent.kube.backoff import Backoff
from lambent.kube.errors import AnswerTooLargeError, KubeError, KubeUnavailableError, TooManyRequestsError, UnauthorizedError, error_of

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY: Final = "application/apply-patch+yaml"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Json = dict[str, Any]
_READ_TRIES: Final = 4
_GOODBYE_SECONDS: Final = 0.05
_READ_BACKOFF: Final = Backoff(first_seconds=0.1, longest_seconds=2.0)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    data: bytes | None
    content_type: str
    timeout: aiohttp.ClientTimeout
    accept: str = "application/json"
    most_bytes: int = 0
    """Of the answer; 0: however many it has."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class KubeClient:
    """One connection pool to one API server. Use it as an asynchronous context manager, or call `close`."""

    def __init__(
        self, access: ClusterAccess | Path, *, user_agent: str = "lambent", timeout_seconds: float = 10.0, connections: int = 16
    ) -> None:
        """`access`: the cluster, or a kubeconfig file to be read at the first request."""
        self._access = access
        self._user_agent = user_agent
        self._timeout_seconds = timeout_seconds
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, user_agent: str = "lambent", timeout_seconds: float = 10.0) -> Self:
        """The cluster that KUBECONFIG names, else the one this pod runs in, else that of ~/.kube/config.

        Raises NoClusterError where there is none, OSError where a pod has no service account mounted.
        """
        server, kubeconfig = find_access(environ)
        access = kubeconfig if kubeconfig is not None else in_cluster_access(server)
        return cls(access, user_agent=user_agent, timeout_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; requests after this fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            # Requests that were cancelled are saying goodbye over TLS, which the session does not wait for (aiohttp, "Graceful Shutdown").
            await asyncio.sleep(_GOODBYE_SECONDS)

    async def get(self, path: str, *, timeout_seconds: float | None = None) -> Json:
        """One object. NotFoundError where there is none."""
        return await self.request("GET", path, timeout_seconds=timeout_seconds)

    async def list(
        self,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
        most_bytes: int = 0,
        metadata_only: bool = False,
    ) -> Json:
        """One page of a collection: `{metadata: {resourceVersion, continue}, items}`; `limit` 0 means all in one page.

        Of what tenants can fill, read `lambent.kube.pages`: AnswerTooLargeError where the page has more than `most_bytes`. With
        `metadata_only` the items have nothing but their metadata.
        """
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(limit) if limit else "",
            "continue": continue_token,
            "resourceVersion": resource_version,
        }
        accept = METADATA_LIST if metadata_only else "application/json"
        return await self._ask(self._build("GET", path, query=query, accept=accept, most_bytes=most_bytes))

    async def create(self, path: str, body: Json, *, field_manager: str = "", timeout_seconds: float | None = None) -> Json:
        """A new object, posted to its collection's path. AlreadyExistsError where the name is taken."""
        return await self.request("POST", path, body=body, query={"fieldManager": field_manager}, timeout_seconds=timeout_seconds)

    async def replace(self, path: str, body: Json, *, field_manager: str = "", timeout_seconds: float | None = None) -> Json:
        """The whole object anew; with `metadata.resourceVersion` in it, ConflictError where it has changed meanwhile."""
        return await self.request("PUT", path, body=body, query={"fieldManager": field_manager}, timeout_seconds=timeout_seconds)

    async def patch(
        self, path: str, body: Json | Sequence[Json], *, kind: str = MERGE, field_manager: str = "", timeout_seconds: float | None = None
    ) -> Json:
        """A change of an object or subresource; `kind` is MERGE, STRATEGIC (built-in kinds only) or JSON_PATCH (a list)."""
        query = {"fieldManager": field_manager}
        return await self.request("PATCH", path, body=body, content_type=kind, query=query, timeout_seconds=timeout_seconds)

    async def apply(self, path: str, body: Json, *, field_manager: str, force: bool = True, timeout_seconds: float | None = None) -> Json:
        """Server-side apply: the fields in `body` become as given and are this manager's; those it gave before and leaves out now go.

        `body` needs apiVersion, kind and metadata.name. With `force` off, ConflictError where another manager owns a field.
        """
        query = {"fieldManager": field_manager, "force": "true" if force else ""}
        return await self.request("PATCH", path, body=body, content_type=APPLY, query=query, timeout_seconds=timeout_seconds)

    async def delete(
        self,
        path: str,
        *,
        propagation: str = "Background",
        uid: str = "",
        resource_version: str = "",
        grace_period_seconds: int | None = None,
    ) -> Json:
        """Delete an object; `propagation` is Background, Foreground or Orphan.

        With `uid` or `resource_version`, ConflictError where the object is another one by now.
        """
        preconditions = {key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if preconditions:
            options["preconditions"] = preconditions
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        return await self.request("DELETE", path, body=options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | Sequence[Json] | None = None,
        content_type: str = "application/json",
        timeout_seconds: float | None = None,
    ) -> Json:
        """Any request whose answer is a JSON object; empty query values are left out. Raises a KubeError by status.

        KubeUnavailableError: no answer in time, no connection, or 5xx. A GET is tried four times over about a second before that.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        return await self._ask(self._build(method, path, query=query, data=data, content_type=content_type, seconds=timeout_seconds))

    def _build(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        data: bytes | None = None,
        content_type: str = "",
        seconds: float | None = None,
        accept: str = "application/json",
        most_bytes: int = 0,
    ) -> _Request:
        timeout = aiohttp.ClientTimeout(total=seconds or self._timeout_seconds)
        return _Request(method, path, query or {}, data, content_type, timeout, accept, most_bytes)

    async def _ask(self, request: _Request) -> Json:
        failures = 0
        while True:
            try:
                return await self._answer(request)
            except (KubeUnavailableError, TooManyRequestsError) as error:
                failures += 1
                if request.method != "GET" or failures == _READ_TRIES or self._closed:
                    raise
                await asyncio.sleep(_pause_seconds(failures, error))

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, idle_timeout_seconds: float = 60.0
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A GET whose body comes in pieces without end, such as a watch or a pod's log.

        KubeUnavailableError where nothing came for `idle_timeout_seconds`, or the connection broke.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=self._timeout_seconds, sock_read=idle_timeout_seconds)
        request = _Request("GET", path, query or {}, None, "", timeout)
        try:
            async with self._open(request) as response:
                yield _pieces(response, request)
        except UnauthorizedError:
            (await self._cluster()).credentials.expire()
            raise

    async def _answer(self, request: _Request) -> Json:
        try:
            return await self._answer_once(request)
        except UnauthorizedError:
            # Refused before it had any effect, perhaps only because the token was replaced: once more with a fresh one.
            (await self._cluster()).credentials.expire()
            return await self._answer_once(request)

    async def _answer_once(self, request: _Request) -> Json:
        async with self._open(request) as response:
            return _parse(await _read(response, request), request)

    @asynccontextmanager
    async def _open(self, request: _Request) -> AsyncIterator[aiohttp.ClientResponse]:
        access, pool = await self._cluster(), self._pool()
        headers = {"Accept": request.accept, "User-Agent": self._user_agent}
        if request.data is not None:
            headers["Content-Type"] = request.content_type
        try:
            authorization = await access.credentials.header()
        except OSError as error:
            raise UnauthorizedError(401, "NoToken", f"the service account's token cannot be read: {error}", str(request)) from error
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            response = await pool.request(
                request.method,
                access.server + request.path,
                params={key: value for key, value in request.query.items() if value},
                data=request.data,
                headers=headers,
                timeout=request.timeout,
                ssl=access.ssl if access.ssl is not None else True,
                server_hostname=access.server_hostname,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(error, request) from error
        async with response:
            try:
                if response.status >= 300:
                    body = await _read(response, request)
                    raise error_of(response.status, body, str(request), response.headers.get("Retry-After"))
                yield response
            finally:
                # What is left of a stream nobody listens to any more is not waited for; after a whole answer there is no connection here.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()

    async def _cluster(self) -> ClusterAccess:
        if isinstance(self._access, Path):
            async with self._opening:
                if isinstance(self._access, Path):
                    self._access = await kubeconfig_access(self._access)
        return self._access

    def _pool(self) -> aiohttp.ClientSession:
        if self._closed:
            raise KubeUnavailableError(0, "Closed", "this client has been closed")
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30.0)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        return self._session


async def _pieces(response: aiohttp.ClientResponse, request: _Request) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unavailable(error, request) from error


async def _read(response: aiohttp.ClientResponse, request: _Request) -> bytes:
    try:
        if not request.most_bytes:
            return await response.read()
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > request.most_bytes:
                raise AnswerTooLargeError(0, "AnswerTooLarge", f"the answer has over {request.most_bytes} bytes", str(request))
            pieces.append(piece)
        return b"".join(pieces)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unavailable(error, request) from error


def _pause_seconds(failures: int, error: KubeError) -> float:
    asked = error.retry_after_seconds or 0.0
    return min(_READ_BACKOFF.longest_seconds, max(asked, _READ_BACKOFF.wait_seconds(failures, random.random())))  # noqa: S311 - jitter


def _parse(body: bytes, request: _Request) -> Json:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise KubeUnavailableError(0, "NotJson", f"the answer is not JSON: {body[:80]!r}", str(request)) from error
    if not isinstance(parsed, dict):
        raise KubeError(0, "NotAnObject", f"the answer is not a JSON object: {body[:80]!r}", str(request))
    return parsed


def _unavailable(error: Exception, request: _Request) -> KubeUnavailableError:
    reason = "Timeout" if isinstance(error, TimeoutError) else "NoConnection"
    return KubeUnavailableError(0, reason, str(error) or type(error).__name__, str(request))
