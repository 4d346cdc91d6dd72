from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import cast

from lambent_shim.telemetry.stream import BUSY_SECONDS, FULL_BYTES, HIGH_WATER_BYTES, LIMIT_BYTES, QUIET_SECONDS, LogStream


def test_what_nobody_reads_waits_then_is_dropped_and_said() -> None:
    async def run() -> tuple[list[bool], bytes]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        stream = LogStream(asyncio.get_running_loop(), writing)
        pressure: list[bool] = []
        stream.on_pressure = pressure.append
        piece = b"x" * 65_535 + b"\n"
        for _ in range(LIMIT_BYTES // len(piece) + 3):
            stream.write(piece)
        assert stream.pressed
        received = b""
        stream.flush()
        while stream.pressed or not received.endswith(b"last\n"):
            try:
                received += os.read(reading, 1 << 20)
            except BlockingIOError:
                if not stream.pressed:
                    stream.write(b"last\n")
                stream.flush()
        stream.close(0)
        os.close(writing)
        os.close(reading)
        return pressure, received

    pressure, received = asyncio.run(run())
    assert pressure == [True, False]
    assert HIGH_WATER_BYTES < received.count(b"x") <= LIMIT_BYTES
    assert b"bytes of log dropped" in received


def test_lines_written_together_go_out_together() -> None:
    async def run() -> bytes:
        reading, writing = os.pipe()
        stream = LogStream(asyncio.get_running_loop(), writing)
        for number in range(3):
            stream.write(b"%d\n" % number)
        stream.close(1)
        data = os.read(reading, 100)
        os.close(writing)
        os.close(reading)
        return data

    assert asyncio.run(run()) == b"0\n1\n2\n"


def test_a_log_without_reader_is_no_reason_to_fail() -> None:
    async def run() -> None:
        reading, writing = os.pipe()
        os.close(reading)
        stream = LogStream(asyncio.get_running_loop(), writing)
        stream.write(b"line\n")
        stream.close(1)
        os.close(writing)

    asyncio.run(run())


class Clock:
    """An event loop's clock, and what waits for it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.delays: list[float] = []
        self._waiting: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Clock:
        self.delays.append(round(delay, 6))
        self._waiting = callback
        return self

    def call_soon(self, callback: Callable[[], None]) -> Clock:
        return self.call_later(0, callback)

    def cancel(self) -> None:
        self._waiting = None

    def wait(self) -> None:
        """Until what was asked for last has come."""
        assert self._waiting is not None
        self.now += self.delays[-1]
        waiting, self._waiting = self._waiting, None
        waiting()


def test_a_busy_log_is_written_less_often() -> None:
    reading, writing = os.pipe()
    clock = Clock()
    stream = LogStream(cast("asyncio.AbstractEventLoop", clock), writing)
    for _ in range(3):
        stream.write(b"one\n")
        stream.write(b"two\n")
        clock.wait()
    clock.now += 1
    stream.write(b"three\n")
    clock.wait()
    assert clock.delays == [QUIET_SECONDS, BUSY_SECONDS, BUSY_SECONDS, QUIET_SECONDS]
    assert os.read(reading, 100) == b"one\ntwo\n" * 3 + b"three\n"
    os.close(writing)
    os.close(reading)


def test_a_log_that_fills_up_is_written_at_once() -> None:
    reading, writing = os.pipe()
    clock = Clock()
    stream = LogStream(cast("asyncio.AbstractEventLoop", clock), writing)
    line = b"x" * 1023 + b"\n"
    for _ in range(FULL_BYTES // len(line) + 3):
        stream.write(line)
    assert clock.delays == [QUIET_SECONDS, 0]
    clock.wait()
    assert len(os.read(reading, 1 << 20)) == FULL_BYTES + 3 * len(line)
    os.close(writing)
    os.close(reading)
