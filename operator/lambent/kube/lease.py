"""Leader election over a Lease: the thin edge around `lease_decision`.

`is_leader` is asked before every act and turns false by the clock alone, so that a leader cut off from the API server stops acting before
another begins, without having been told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import AlreadyExistsError, ConflictError, KubeError, NotFoundError
from lambent.kube.lease_decision import LeaseRecord, LeaseSettings, Observation, Take, decide_lease, leads_until, observe
from lambent.kube.paths import collection_path, object_path

logger: Final = logging.getLogger(__name__)
_GROUP: Final = "coordination.k8s.io/v1"


class LeaderElection:
    """One candidate. `run` it as a task for the process's life; cancelling that gives the lease up at once."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        settings: LeaseSettings | None = None,
        *,
        on_change: Callable[[bool], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_change` is called with True when leadership begins and with False when it ends."""
        self.identity = identity
        self._client = client
        self._namespace = namespace
        self._name = name
        self._settings = settings or LeaseSettings()
        self._on_change = on_change
        self._clock = clock
        self._observation: Observation | None = None
        self._renewed_at: float | None = None
        self._told = False
        self._unread = True
        """Whether the lease may be another than it was when last read or written."""
        self._leading = asyncio.Event()

    @property
    def is_leader(self) -> bool:
        """Whether this process may act now."""
        return self._clock() < leads_until(self._renewed_at, self._settings)

    @property
    def leader(self) -> str:
        """The identity of the holder as last seen, empty where there is none."""
        record = self._observation.record if self._observation is not None else None
        return record.holder if record is not None else ""

    async def wait_until_leader(self) -> None:
        """Return when leadership begins, at once where it has. It may end at any time: `is_leader` is still asked before every act."""
        await self._leading.wait()

    async def run(self) -> None:
        """Take part, without end. Cancel it to resign."""
        try:
            while True:
                pause = await self._step()
                self._tell()
                # Leadership ends by the clock, perhaps in the middle of a pause: whoever listens hears of it then.
                remaining = leads_until(self._renewed_at, self._settings) - self._clock()
                await asyncio.sleep(min(pause, remaining) if self._told and remaining > 0 else pause)
                self._tell()
        finally:
            await self._resign()

    async def _step(self) -> float:
        """One look and, where it is due, one write; how long to pause. Errors are part of life here: leadership ends by the clock."""
        timeout = self._settings.retry_seconds
        began = self._clock()
        try:
            async with asyncio.timeout(timeout):
                if self._unread or not self.is_leader or self._observation is None:
                    self._observation = observe(self._observation, await self._read(), self._clock())
                    self._unread = False
                # Who leads knows the lease by its own last write: should anybody have changed it since, the next one meets that.
                decision = decide_lease(self._clock(), self._observation, self.identity, self._settings)
                if not isinstance(decision, Take):
                    self._renewed_at = None
                    return decision.seconds
                began = self._clock()
                record = await self._write(decision)
        except (ConflictError, NotFoundError):
            # Somebody was faster, or it was deleted under us: look again at once, but not in a busy loop.
            self._unread = True
            return min(0.1, self._settings.retry_seconds)
        except (KubeError, TimeoutError) as error:
            # A write without an answer may have had its effect.
            self._unread = True
            if self.is_leader:
                logger.warning("lease not renewed", extra={"lease": self._name, "error": str(error) or "timeout"})
            return max(0.0, self._settings.retry_seconds - (self._clock() - began))
        self._observation = Observation(record, self._clock())
        self._renewed_at = began
        return self._settings.retry_seconds

    def _tell(self) -> None:
        leads = self.is_leader
        if leads == self._told:
            return
        self._told = leads
        logger.info("leading" if leads else "not leading any more", extra={"lease": self._name, "identity": self.identity})
        if leads:
            self._leading.set()
        else:
            self._leading.clear()
        if self._on_change is not None:
            self._on_change(leads)

    async def _resign(self) -> None:
        record = self._observation.record if self._observation is not None else None
        held = record is not None and record.holder == self.identity and self.is_leader
        self._renewed_at = None
        self._tell()
        if record is None or not held:
            return
        body = self._body("", record.transitions, record.version, 1)
        try:
            async with asyncio.timeout(self._settings.retry_seconds):
                await self._client.replace(self._path, body)
        except (KubeError, TimeoutError) as error:
            logger.info("lease not given up, it will run out", extra={"lease": self._name, "error": str(error) or "timeout"})

    async def _read(self) -> LeaseRecord | None:
        try:
            return parse_lease(await self._client.get(self._path, timeout_seconds=self._settings.retry_seconds))
        except NotFoundError:
            return None

    async def _write(self, take: Take) -> LeaseRecord | None:
        body = self._body(self.identity, take.transitions, take.version, self._settings.duration_seconds)
        if take.version is not None:
            return parse_lease(await self._client.replace(self._path, body))
        try:
            return parse_lease(await self._client.create(collection_path(_GROUP, "leases", self._namespace), body))
        except AlreadyExistsError as error:
            raise ConflictError(error.status, error.reason, error.message, error.request) from error

    def _body(self, holder: str, transitions: int, version: str | None, duration_seconds: int) -> Json:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        metadata: Json = {"name": self._name, "namespace": self._namespace}
        if version is not None:
            metadata["resourceVersion"] = version
        spec = {"holderIdentity": holder, "leaseDurationSeconds": duration_seconds, "leaseTransitions": transitions}
        spec |= {"acquireTime": now, "renewTime": now}
        return {"apiVersion": _GROUP, "kind": "Lease", "metadata": metadata, "spec": spec}

    @property
    def _path(self) -> str:
        return object_path(_GROUP, "leases", self._namespace, self._name)


def parse_lease(lease: Json) -> LeaseRecord:
    """What matters of a Lease object; missing fields (a lease somebody made by hand) count as given up."""
    spec: dict[str, Any] = lease.get("spec") or {}
    return LeaseRecord(
        version=str(lease.get("metadata", {}).get("resourceVersion") or ""),
        holder=str(spec.get("holderIdentity") or ""),
        duration_seconds=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
    )
