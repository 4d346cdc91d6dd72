from __future__ import annotations

import json

import pytest

from lambent_shim.telemetry.lines import MAX_LINE_BYTES, LineBuffer, tag_json, tag_text
from lambent_shim.workers.frames import FrameBuffer, FrameError


def test_text_lines_carry_their_request() -> None:
    assert tag_text([b"a", b""], "id-1") == b"id-1\ta\nid-1\t\n"
    assert tag_text([b"a"], "") == b"-\ta\n"


def test_json_lines_pass_and_others_are_wrapped() -> None:
    first, second, third = tag_json([b'{"level": "INFO"}', b"plain", b"{broken"], "id-1", 0).splitlines()
    assert first == b'{"level": "INFO"}'
    assert json.loads(second) == {"timestamp": "1970-01-01T00:00:00.000Z", "requestId": "id-1", "message": "plain"}
    assert json.loads(third)["message"] == "{broken"


def test_bytes_that_are_no_text_are_replaced_in_json() -> None:
    assert json.loads(tag_json([b"\xff"], "", 0)) == {"timestamp": "1970-01-01T00:00:00.000Z", "message": "\ufffd"}


def test_a_line_without_end_is_cut_at_the_largest_event() -> None:
    buffer = LineBuffer()
    assert [len(line) for line in buffer.feed(b"x" * (2 * MAX_LINE_BYTES + 5))] == [MAX_LINE_BYTES, MAX_LINE_BYTES]
    assert buffer.flush() == [b"xxxxx"]
    assert buffer.flush() == []


@pytest.mark.parametrize("head", [b"\xff" * 16, b"\0" * 16, b"\1\0\0\0\x84\0\2\0" + b"\0" * 8])
def test_what_user_code_wrote_to_the_channel_is_no_frame(head: bytes) -> None:
    with pytest.raises(FrameError):
        FrameBuffer().feed(head)
