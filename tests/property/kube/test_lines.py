"""However a stream is cut into pieces, its lines come out whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.kube.lines import LineDecoder, LineTooLongError


@given(st.lists(st.binary(min_size=1, max_size=40).filter(lambda line: b"\n" not in line and line.strip()), max_size=20), st.data())
def test_lines_come_out_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    decoder, found = LineDecoder(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == lines


def test_a_line_without_its_end_is_kept_back() -> None:
    decoder = LineDecoder()
    assert decoder.feed(b'{"a":') == []
    assert decoder.feed(b"1}\n\n{") == [b'{"a":1}']


def test_a_line_of_megabytes_passes_and_one_without_end_does_not() -> None:
    decoder = LineDecoder()
    assert [len(line) for piece in (b"x" * (5 << 20), b"\n") for line in decoder.feed(piece)] == [5 << 20]
    with pytest.raises(LineTooLongError, match="over 10 bytes"):
        LineDecoder(limit=10).feed(b"x" * 11)
