"""Stands for the containers that kwok does not run: for each function pod a shim that links, proves who it is, and answers.

A process of its own: `python -m bench.scale.farm FOLDER PORT ACTIVATOR`. The slots are the real shim's (`lambent_shim.link.slots`), and
so is the proof: a token bound to the pod, asked of the API server. What a handler does is to wait as long as the event says:
`{"seconds": 0.2}`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from lambent.api import link as wire
from lambent.api.group import LABEL_FUNCTION, LABEL_REVISION, TOKEN_AUDIENCE
from lambent.kube.access import ClusterAccess, TokenFile
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError
from lambent.kube.paths import collection_path, object_path
from lambent.kube.watch import Deleted, Listed, WatchEvent, watch_objects
from lambent_shim.link.slots import Slots, Took

REDIAL_SECONDS = 0.5
_INIT_MS = 80.0


class Shim(WSListener):
    """One link of one pod to the one activator."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._transport: WSTransport | None = None
        self._running: dict[int, tuple[int, asyncio.TimerHandle]] = {}
        self._cancelled: set[int] = set()
        self._slots: Slots[Shim] = Slots(pod.slots)
        self._first = True

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        pod = self._pod
        hello = {
            "protocol": wire.PROTOCOL,
            "token": pod.token,
            "namespace": pod.namespace,
            "function": pod.function,
            "revision": pod.revision,
            "pod": pod.name,
            "slots": pod.slots,
            "draining": False,
            "phases": {},
        }
        self._send(wire.encode_control(wire.HELLO, hello))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type is not WSMsgType.BINARY:
            return
        payload = frame.get_payload_as_bytes()
        kind = payload[0]
        if kind == wire.WELCOME:
            self._send(wire.encode_control(wire.INIT, {"ok": True, "durationMs": _INIT_MS, "phases": {}}))
        elif kind == wire.INVOKE:
            flags, number, _, body = wire.decode_message(payload)
            self._invoke(number, flags, body)
        elif kind == wire.CANCEL:
            self._cancelled.add(wire.decode_part(payload)[1])
        elif kind == wire.WANT:
            self._grant(len(self._slots.want(self)))
        elif kind == wire.RETURN:
            self._grant(len(self._slots.give_back(self, wire.decode_count(payload))))

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        self._transport = None
        for _, timer in self._running.values():
            timer.cancel()
        self._pod.link_lost()

    def drain(self) -> None:
        """The pod is being deleted: take nothing more; the link closes when nothing runs."""
        self._slots.drain()
        self._send(wire.encode_control(wire.DRAINING))
        self._close_if_drained()

    def _invoke(self, number: int, flags: int, body: bytes) -> None:
        if self._slots.take(self) is Took.NOTHING:
            self._send(wire.encode_part(wire.BOUNCE, 0, number))
            return
        seconds = float(json.loads(body or b"{}").get("seconds", 0.0))
        timer = asyncio.get_running_loop().call_later(seconds, self._answer, number, seconds)
        self._running[number] = (flags, timer)

    def _answer(self, number: int, seconds: float) -> None:
        flags, _ = self._running.pop(number)
        finish = self._slots.finish(self, wants_more=bool(flags & wire.WAITING))
        meta: dict[str, Any] = {"durationMs": seconds * 1000.0, "billedMs": int(seconds * 1000.0) + 1, "memoryMb": 40}
        if self._first:
            meta["initMs"], self._first = _INIT_MS, False
        if number in self._cancelled:
            self._cancelled.discard(number)
            meta = {}
        encoded = json.dumps(meta, separators=(",", ":")).encode()
        self._send(
            wire.encode_message(
                wire.RESULT, wire.LAST | (wire.AGAIN if finish.again else 0), number, encoded, b'{"ok":true}' if meta else b""
            )
        )
        self._grant(int(finish.grant is not None))
        self._close_if_drained()

    def _grant(self, count: int) -> None:
        if count:
            self._send(wire.encode_count(wire.GRANT, count))

    def _close_if_drained(self) -> None:
        if self._pod.deleting and not self._running and self._transport is not None:
            self._transport.disconnect()

    def _send(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.BINARY, frame)


class Pod:
    """A function pod as kwok shows it, and the shim in it."""

    def __init__(self, client: KubeClient, activator: str, body: Json) -> None:
        metadata = body["metadata"]
        self.namespace, self.name, self.uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self.function, self.revision = metadata["labels"][LABEL_FUNCTION], metadata["labels"][LABEL_REVISION]
        environment = {item["name"]: item.get("value", "") for item in body["spec"]["containers"][0].get("env", ())}
        self.slots = int(json.loads(environment["LAMBENT_SHIM"]).get("concurrency", 1))
        self.token = ""
        self.deleting = False
        self._client = client
        self._activator = activator
        self._account = body["spec"].get("serviceAccountName") or "default"
        self._shim: Shim | None = None
        self._lost = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())

    def delete(self) -> None:
        """SIGTERM, as it were."""
        self.deleting = True
        if self._shim is not None:
            self._shim.drain()

    def gone(self) -> None:
        """SIGKILL; but kwok has less patience with a pod that drains than its grace period, which is for the longest invocation."""
        if not self.deleting:
            self._task.cancel()

    def link_lost(self) -> None:
        self._shim = None
        self._lost.set()

    def _take(self, shim: Shim) -> None:
        self._shim = shim
        if self.deleting:
            shim.drain()

    async def _run(self) -> None:
        while not self.deleting:
            try:
                if not self.token:
                    self.token = await self._ask_for_token()
                self._lost.clear()
                transport, listener = await ws_connect(lambda: Shim(self), f"ws://{self._activator}/link", use_aiofastnet=False)
                assert isinstance(listener, Shim)
                self._take(listener)
                try:
                    await self._lost.wait()
                finally:
                    transport.disconnect()
            except (OSError, TimeoutError, KubeError) as error:
                print(f"{time.time():.1f} {self.namespace}/{self.name}: {error}", flush=True)
            if not self.deleting:
                await asyncio.sleep(REDIAL_SECONDS)

    async def _ask_for_token(self) -> str:
        bound = {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid}
        spec = {"audiences": [TOKEN_AUDIENCE], "boundObjectRef": bound, "expirationSeconds": 3600}
        path = object_path("v1", "serviceaccounts", self.namespace, self._account, "token")
        answer = await self._client.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return str(answer["status"]["token"])


async def run(folder: Path, port: int, activator: str) -> None:
    """Without end: one shim for each function pod that runs."""
    trusted = ssl.create_default_context(cafile=str(folder / "apiserver" / "apiserver.crt"))
    access = ClusterAccess(f"https://127.0.0.1:{port}", TokenFile(folder / "tokens" / "farm"), trusted)
    pods: dict[str, Pod] = {}
    async with KubeClient(access, user_agent="bench-farm", timeout_seconds=30.0) as client:
        events: AsyncIterator[WatchEvent[Json]] = watch_objects(client, collection_path("v1", "pods"), label_selector=LABEL_FUNCTION)
        async for event in events:
            if isinstance(event, Listed):
                there = {item["metadata"]["uid"] for item in event.items}
                for uid in pods.keys() - there:
                    pods.pop(uid).gone()
            for body in event.items if isinstance(event, Listed) else (event.item,):
                uid = body["metadata"]["uid"]
                if isinstance(event, Deleted):
                    if uid in pods:
                        pods.pop(uid).gone()
                elif body["metadata"].get("deletionTimestamp"):
                    if uid in pods and not pods[uid].deleting:
                        pods[uid].delete()
                elif uid not in pods and (body.get("status") or {}).get("phase") == "Running":
                    pods[uid] = Pod(client, activator, body)


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
