"""Serves a `def` handler: one invocation at a time, each in this process's main thread, as on Lambda."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from lambent_runtime import frames, hooks
from lambent_runtime.channel import Channel
from lambent_runtime.errors import FaultError
from lambent_runtime.invocation import Invocation
from lambent_runtime.logs import Logs, serve_request, tenant_id


def serve(channel: Channel, handler: Any, logs: Logs, afterwards: Callable[[], bool] | None = None) -> None:
    """Answer invocations until the channel closes; `afterwards` is what can wait until one is answered, or several: until it is true.

    SystemExit, KeyboardInterrupt and whatever else is no Exception leave through here and end the process as they would on Lambda.
    """
    modules = sys.modules
    while True:
        frame = channel.read()
        if frame.kind != frames.INVOKE:
            continue
        invocation = Invocation(frame)
        serve_request(invocation.request_id)
        tenant = invocation.meta.get("tenantId")
        if tenant_id.get() != tenant:
            tenant_id.set(tenant)
        invocation.set_trace_variable()
        hooked = modules.get(hooks.BOOTSTRAP)
        channel.write(_run(invocation, handler, logs) if hooked is None else hooks.answer(hooked, invocation, handler, logs))
        if afterwards is not None and afterwards():
            afterwards = None


def _run(invocation: Invocation, handler: Any, logs: Logs) -> bytes:
    try:
        event, context = invocation.build_arguments()
        result = handler(event, context)
        if isinstance(result, CoroutineType):
            result = coroutine_runner.run(result)
    except FaultError as fault:
        return invocation.encode_fault(fault, logs)
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything; the caller gets it
        return invocation.encode_exception(error, logs)
    return invocation.encode_result(result, logs)


class _CoroutineRunner:
    """Runs the coroutine that a plain function returned (a decorated `async def`), on one event loop for the process's life."""

    def __init__(self) -> None:
        self._runner: Any = None

    def run(self, coroutine: Any) -> Any:
        """The coroutine's result."""
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - 30 ms that nearly no `def` handler needs

            self._runner = asyncio.Runner()
        return self._runner.run(coroutine)


coroutine_runner = _CoroutineRunner()
"""The one of this process."""
