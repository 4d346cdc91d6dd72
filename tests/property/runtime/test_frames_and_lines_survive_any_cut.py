"""However a stream is cut into pieces, frames and lines come out whole."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lambent_runtime.channel import take_frame
from lambent_shim.telemetry.lines import MAX_LINE_BYTES, TAIL_BYTES, LineBuffer, NumberedLines, Tail, tag_json
from lambent_shim.workers import frames

PIECES = st.lists(st.integers(1, 40), min_size=1)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, start = [], 0
    while start < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[start : start + size])
        start += size
    return pieces


FRAMES = st.lists(
    st.tuples(
        st.integers(0x81, 0x85), st.integers(0, 9), st.binary(max_size=60), st.integers(0, 255), st.integers(0, 99), st.binary(max_size=20)
    ),
    max_size=8,
)


@given(FRAMES, PIECES)
def test_frames(sent: list[tuple[int, int, bytes, int, int, bytes]], sizes: list[int]) -> None:
    stream = b"".join(frames.encode(kind, n, payload, flags=flags, value=value, meta=meta) for kind, n, payload, flags, value, meta in sent)
    buffer, found = frames.FrameBuffer(), []
    rest, taken = bytearray(), []
    for piece in cut(stream, sizes):
        found += buffer.feed(piece)
        rest += piece
        while (frame := take_frame(rest)) is not None:
            taken.append(tuple(frame))
    assert found == [(kind, flags, n, value, meta, payload) for kind, n, payload, flags, value, meta in sent]
    assert taken == [tuple(frame) for frame in found]


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), PIECES)
def test_lines(lines: list[bytes], sizes: list[int]) -> None:
    buffer, found = LineBuffer(), []
    for piece in cut(b"\n".join(lines), sizes):
        found += buffer.feed(piece)
    found += buffer.flush()
    assert found == (lines if lines and lines[-1] else lines[:-1])


@given(st.lists(st.tuples(st.integers(1, 3), st.text(alphabet="ab\n", max_size=5))))
def test_lines_of_several_invocations(pieces: list[tuple[int, str]]) -> None:
    lines, found = NumberedLines(), dict[int, list[bytes]]()
    for number, text in pieces:
        found.setdefault(number, []).extend(lines.feed(number, text.encode()))
    for number, before in found.items():
        said = "".join(text for other, text in pieces if other == number)
        assert b"\n".join(before + (lines.flush(number) or [b""])) == said.encode()
        assert lines.flush(number) == []


def test_a_line_of_one_of_several_invocations_is_cut_too() -> None:
    lines = NumberedLines()
    assert lines.feed(1, b"x" * (MAX_LINE_BYTES + 1)) == [b"x" * MAX_LINE_BYTES]
    assert lines.flush(1) == [b"x"]


@given(st.lists(st.binary(max_size=3000)))
def test_a_tail_is_the_last_bytes(pieces: list[bytes]) -> None:
    tail = Tail()
    for piece in pieces:
        tail.add(piece)
    assert tail.read() == b"".join(pieces)[-TAIL_BYTES:]


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.text(max_size=5), st.floats(0, 4e9))
def test_each_json_line_is_one_value_of_json(lines: list[bytes], request_id: str, now: float) -> None:
    written = tag_json(lines, request_id, now).split(b"\n")
    assert written.pop() == b""
    assert len(written) == len(lines)
    for line in written:
        assert isinstance(json.loads(line), dict)
