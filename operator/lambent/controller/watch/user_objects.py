"""kopf: watches what users write, nothing more. Each handler names the key that may need a reconcile; no finalizers or annotations.

kopf's own handling of causes, retries and progress is not used: a reconcile is level-triggered and has its own queue. Imported only by
the process that leads, since kopf costs memory that a standby need not spend.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import kopf

from lambent.api.fields import InvalidSpecError
from lambent.api.functions.function import inline_size
from lambent.api.group import FUNCTIONS, GROUP, TRIGGERS, VERSION
from lambent.api.triggers.claims import Name
from lambent.api.triggers.trigger import Trigger, parse_trigger
from lambent.controller.queue.work_queue import FUNCTION, TRIGGER, Key
from lambent.controller.watch.function_news import FunctionNews, TriggerNews
from lambent.controller.watch.kopf_log import FirstOfMany

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

STOP_SECONDS: Final = 10.0
LISTED_TRIGGER_SECONDS: Final = 2.0
"""A Trigger that a list has shown is looked at after this: by then all that were listed are known, and with them whose each host is."""
Add = Callable[[Key, float], None]
NoteTrigger = Callable[[Name, Trigger | None], None]
"""Is told of each Trigger as it was last seen; None where it is gone or cannot be read."""
logger: Final = logging.getLogger(__name__)


class _Backoffs:
    """kopf tries a request again after each of these and gives up after the last: there is no last."""

    def __iter__(self) -> Iterator[float]:
        pause = 0.2
        while True:
            yield pause
            pause = min(10.0, pause * 2.0)


NoteFunction = Callable[[Name, str | None, int], None]
"""Is told of each Function's creation time and size of inline code as it was last seen; without a time it is gone."""


def _note_nothing(*_: object) -> None:
    return


async def run_watches(
    add: Add,
    login: Callable[[], kopf.ConnectionInfo | None],
    note_trigger: NoteTrigger = _note_nothing,
    note_function: NoteFunction = _note_nothing,
) -> None:
    """Run kopf until cancelled, in a thread with a loop of its own; raises what kopf ends with where a watch cannot go on.

    On its way out kopf cancels every task of its loop, and it takes the process's signals where it can: both would be ours.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    ended: Future[None] = Future()
    # From here on it cannot be cancelled: it is the thread's to set.
    ended.set_running_or_notify_cancel()

    def add_from_thread(key: Key, delay: float) -> None:
        loop.call_soon_threadsafe(add, key, delay)

    def note_from_thread(name: Name, trigger: Trigger | None) -> None:
        loop.call_soon_threadsafe(note_trigger, name, trigger)

    def note_function_from_thread(name: Name, created: str | None, inline: int) -> None:
        loop.call_soon_threadsafe(note_function, name, created, inline)

    registry = build_registry(add_from_thread, login, note_from_thread, note_function_from_thread)
    quiet_logs()
    # A daemon: kopf was once seen not to end when it was told to, and whatever waits for a thread (a pool, the interpreter) would have
    # waited for it until somebody killed the process.
    threading.Thread(target=_run_and_tell, args=(registry, stop, ended), name="kopf", daemon=True).start()
    running = asyncio.wrap_future(ended)
    try:
        await asyncio.shield(running)
    finally:
        stop.set()
        await asyncio.wait([running], timeout=STOP_SECONDS)
        if not running.done():
            logger.warning("kopf has not ended within %g s; it is left behind", STOP_SECONDS)
            running.cancel()


def _run_and_tell(registry: kopf.OperatorRegistry, stop: threading.Event, ended: Future[None]) -> None:
    try:
        _run_kopf(registry, stop)
    except BaseException as error:  # noqa: BLE001 - raised where `ended` is awaited
        ended.set_exception(error)
    else:
        ended.set_result(None)


def _run_kopf(registry: kopf.OperatorRegistry, stop: threading.Event) -> None:
    async def run() -> None:
        try:
            await kopf.operator(registry=registry, settings=build_settings(), clusterwide=True, standalone=True, stop_flag=stop)
        finally:
            # A thread of kopf's waits for the flag, and the loop's end for that thread.
            stop.set()

    asyncio.run(run())


def build_settings() -> kopf.OperatorSettings:
    """kopf's settings: patient with the API server, quiet otherwise."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.error_backoffs = _Backoffs()
    settings.networking.request_timeout = 60.0
    settings.networking.connect_timeout = 5.0
    settings.watching.server_timeout = 300
    settings.watching.reconnect_backoff = 0.5
    # kopf starts a worker for each object of a page, which holds the object for as long as it waits for further events of it; those wait
    # in a queue of ours. So a list takes what 20 of the largest objects take (30 MB of JSON), however many there are.
    settings.watching.chunk_size = 20
    settings.queueing.idle_timeout = 0.01
    return settings


def build_registry(
    add: Add,
    login: Callable[[], kopf.ConnectionInfo | None],
    note_trigger: NoteTrigger = _note_nothing,
    note_function: NoteFunction = _note_nothing,
) -> kopf.OperatorRegistry:
    """The handlers; `add` takes a key and the seconds until its reconcile."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def log_in(**_: Any) -> kopf.ConnectionInfo | None:
        return login()

    news, trigger_news = FunctionNews(), TriggerNews()

    @kopf.on.event(GROUP, VERSION, FUNCTIONS, registry=registry)
    async def on_function(namespace: str | None, name: str | None, type: str | None, body: Mapping[str, Any], **_: Any) -> None:  # noqa: A002
        key = Key(FUNCTION, namespace or "", name or "")
        gone = type == "DELETED" or "deletionTimestamp" in body["metadata"]
        created = None if gone else str(body["metadata"].get("creationTimestamp") or "")
        note_function((key.namespace, key.name), created, inline_size(body))
        if news.is_news(key, type, body):
            add(key, 0.0)

    @kopf.on.event(GROUP, VERSION, TRIGGERS, registry=registry)
    async def on_trigger(namespace: str | None, name: str | None, type: str | None, body: Mapping[str, Any], **_: Any) -> None:  # noqa: A002
        key = Key(TRIGGER, namespace or "", name or "")
        note_trigger((key.namespace, key.name), None if type == "DELETED" else _read_trigger(body))
        if trigger_news.is_news(key, type, body):
            add(key, LISTED_TRIGGER_SECONDS if type is None else 0.0)

    return registry


def _read_trigger(body: Mapping[str, Any]) -> Trigger | None:
    try:
        trigger = parse_trigger(body)
    except InvalidSpecError:
        return None
    return None if trigger.deleting else trigger


def log_in_by_service_account(server: str) -> kopf.ConnectionInfo:
    """As this pod; asked for again whenever the API server no longer takes the token."""
    token = (SERVICE_ACCOUNT / "token").read_text().strip()
    return kopf.ConnectionInfo(server=server, ca_path=str(SERVICE_ACCOUNT / "ca.crt"), token=token)


def log_in_by_kubeconfig() -> kopf.ConnectionInfo | None:
    """Outside a cluster, as kubectl would."""
    return kopf.login_with_kubeconfig(settings=build_settings())


def quiet_logs() -> None:
    """kopf tells of each event it handles; only its warnings are news."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # While the API server is away, or a permission is missing, each watch tells of each try.
    watching = logging.getLogger("kopf._cogs.clients.watching")
    if not any(isinstance(found, FirstOfMany) for found in watching.filters):
        watching.addFilter(FirstOfMany())
    # What ends kopf is told by whoever starts it anew; and signals, which it warns of, are the main thread's business.
    for name in ("orchestration", "running"):
        logging.getLogger(f"kopf._core.reactor.{name}").setLevel(logging.CRITICAL)
