from __future__ import annotations

import asyncio
import os

from lambent_shim.logstream import HIGH_WATER_BYTES, LIMIT_BYTES, LogStream


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
