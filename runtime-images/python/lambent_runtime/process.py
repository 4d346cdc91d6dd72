"""What each process of a function does in its life: the prepared interpreter, the template with the handler imported, the workers.

    shim ── prepared interpreter (no user code) ── template (handler imported) ── workers
Each is forked from the one before on the shim's order and has its own channel. A template that can't be forked serves itself.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from lambent_runtime import confinement, forking, frames, hooks, refused_calls, worker
from lambent_runtime.channel import Channel, ChannelClosedError
from lambent_runtime.draws import Draws
from lambent_runtime.errors import UNHANDLED_AT_INIT, FaultError, build_exception_error, build_fault_error, format_import_trace
from lambent_runtime.loader import is_coroutine_handler, load_handler
from lambent_runtime.logs import Logs, Sink, set_up_logging, unbuffer_standard_streams
from lambent_runtime.marshal import to_json
from lambent_runtime.paths import prepare_imports
from lambent_runtime.renewal import find_generators, renew
from lambent_runtime.sharing import explain_apart, explain_unforkable
from lambent_runtime.surroundings import configure, enter, rehearse

_CHANNEL_DESCRIPTOR = 3
_LAST_DESCRIPTOR = 1024
"""What the shim's own parent left open below this is none of the function's business."""
_OUT_OF_MEMORY_SCORE = b"1000"
_TRACE_FRAMES = 10


def main(runtime_dir: str) -> None:
    """Be the prepared interpreter; children leave through here as what they were forked to be.

    Arguments are confinement's options; then the layers' root where it is not /opt; in a pool pod `--ahead` follows, and the modules to
    import ahead besides the usual ones.
    """
    hidden, fixed, arguments = confinement.read_options(sys.argv[1:])
    sys.argv[1:] = []
    layers_dir = arguments[0] if arguments else "/opt"
    ahead = arguments[2:] if arguments[1:2] == ["--ahead"] else None
    _give_way_under_memory_pressure()
    enter(os.environ["LAMBDA_TASK_ROOT"])
    unbuffer_standard_streams()
    hooks.offer()
    os.closerange(_CHANNEL_DESCRIPTOR + 1, _LAST_DESCRIPTOR)
    channel = Channel(_CHANNEL_DESCRIPTOR)
    why = confinement.confine(hidden, fixed)
    if why:
        print(f"the function's processes are not kept apart: {why}", flush=True)
    why = refused_calls.refuse_calls(os.getppid())
    if why:
        print(f"the function's processes can lower each other's limits and priorities: {why}", flush=True)
    replaceable: list[str] = []
    if ahead is not None:
        from lambent_runtime.ahead import import_ahead  # noqa: PLC0415 - ordinary pods need none of it

        prepare_imports(os.environ["LAMBDA_TASK_ROOT"], layers_dir, runtime_dir)
        replaceable = import_ahead(ahead)
    try:
        _live(channel, layers_dir, runtime_dir, replaceable)
    except ChannelClosedError:
        os._exit(0)


def _live(channel: Channel, layers_dir: str, runtime_dir: str, replaceable: list[str]) -> None:
    order = forking.wait_for_fork(channel)
    channel, output = forking.adopt(order, channel)
    confinement.enter_domain()
    before = forking.take_footprint()
    apart = None
    renew()
    if order.held:
        apart = _wait_for_configuration(channel, replaceable)
    else:
        channel.write(frames.encode(frames.STARTED, value=os.getpid()))
    started, resident = time.monotonic(), forking.measure_resident_kib()
    logs = set_up_logging(Sink(output))
    draws = Draws() if order.prepare else None
    handler = _initialise(channel, logs, layers_dir, runtime_dir, draws)
    coroutine = is_coroutine_handler(handler)
    ready = {"durationMs": (time.monotonic() - started) * 1000, "coroutine": coroutine}
    why = "it was forked to serve"
    if draws is not None:
        draws.stop()
        sharing, grown = (apart or order).sharing, forking.measure_resident_kib() - resident
        why = explain_apart(sharing, duration_ms=ready["durationMs"], grown_kib=grown, explain_drawn=draws.explain)
        why = why or explain_unforkable(before, forking.take_footprint(apart))
        if not why and sharing & frames.ALWAYS_SHARE:
            find_generators()
    afterwards = None
    if why:
        _report_ready(channel, ready | {"why": why})
        if apart is not None:
            apart.decline()
    elif apart is None:
        channel = _be_template(channel, logs, ready)
    else:
        channel, afterwards = _leave_template_behind(channel, apart, logs, ready)
    if coroutine:
        from lambent_runtime import async_worker  # noqa: PLC0415 - asyncio is 30 ms that `def` handlers need not pay

        async_worker.serve(channel, handler, logs)
    else:
        worker.serve(channel, handler, logs, afterwards)


def _be_template(channel: Channel, logs: Logs, ready: dict[str, Any]) -> Channel:
    """Fork workers for as long as the shim lives; returns in each of them, with its channel."""
    _report_ready(channel, ready | {"template": True})
    gc.freeze()
    channel = _go_on_as_child(forking.wait_for_fork(channel), channel, logs)
    confinement.enter_domain()
    _report_ready(channel, ready | {"durationMs": 0.0})
    return channel


def _leave_template_behind(
    channel: Channel, order: forking.Order, logs: Logs, ready: dict[str, Any]
) -> tuple[Channel, Callable[[], bool] | None]:
    """Serve in this process, which has no fork to wait for, and have a copy be the template.

    Returns here and in all workers: the process's channel, and here what is left to do once invocations are answered, until it is true.
    """
    from lambent_runtime.snapshot import forget, leave_copy  # noqa: PLC0415 - ordinary pods need none of it

    _report_ready(channel, ready | {"apart": True})
    gc.freeze()
    middle = leave_copy()
    if middle == 0:
        return _be_template(_go_on_as_child(order, channel, logs), logs, ready), None
    confinement.enter_domain()  # the template is outside of it
    order.decline()
    return channel, lambda: forget(middle)


def _go_on_as_child(order: forking.Order, channel: Channel, logs: Logs) -> Channel:
    output = logs.sink.descriptor
    channel, logs.sink.descriptor = forking.adopt(order, channel)
    os.close(output)
    renew()
    channel.write(frames.encode(frames.STARTED, value=os.getpid()))
    return channel


def _wait_for_configuration(channel: Channel, replaceable: list[str]) -> forking.Order | None:
    """Say what is imported, and wait until it is known what for; returns how to fork the template off."""
    rehearse()
    channel.write(frames.encode(frames.STARTED, value=os.getpid(), meta=json.dumps(replaceable).encode()))
    while True:
        frame, descriptors = channel.read_with_descriptors(2)
        order = forking.read_order(frame, descriptors)
        if frame.kind == frames.CONFIGURE:
            configure(frame.payload)
            return order and order.move_up()


def _initialise(channel: Channel, logs: Logs, layers_dir: str, runtime_dir: str, draws: Draws | None) -> Any:
    prepare_imports(os.environ["LAMBDA_TASK_ROOT"], layers_dir, runtime_dir)
    if draws is not None:
        draws.watch()
    trace: list[str] = []
    writes_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # on Lambda the code's folder is read-only; here it may be a volume that is not
    try:
        return load_handler(os.environ["_HANDLER"])
    except FaultError as fault:
        error = build_fault_error(fault)
        trace = format_import_trace(fault.__cause__)
    except Exception as failure:  # noqa: BLE001 - the user's module may raise anything; INIT reports it
        error = build_exception_error(failure)
    finally:
        sys.dont_write_bytecode = writes_bytecode
    logging.warning(UNHANDLED_AT_INIT)  # noqa: LOG015 - the root logger, as AWS's runtime does
    logs.log_error(error)
    hooks.tell_init_error(error)
    meta = json.dumps({"traceback": trace[-_TRACE_FRAMES:]}).encode()
    channel.write(frames.encode(frames.INIT_FAILED, meta=meta, payload=to_json(error).encode()))
    sys.exit(1)


def _report_ready(channel: Channel, told: dict[str, Any]) -> None:
    meta = {"template": False, "apart": False, "why": "", **told}
    channel.write(frames.encode(frames.READY, meta=json.dumps(meta).encode()))


def _give_way_under_memory_pressure() -> None:
    """The kernel should pick a process of the function before the shim; children inherit the score. No core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:  # noqa: PTH123 - pathlib costs 3 ms of a cold start
            file.write(_OUT_OF_MEMORY_SCORE)
    except OSError:
        return  # not every sandbox lets a process change it; the shim's own watch does not need it
