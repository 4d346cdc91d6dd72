"""BECOME: a head, and the files of a function one after another behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.api import link

FILES = st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=200), max_size=5)


@given(FILES, st.dictionaries(st.text(max_size=8), st.integers()))
def test_what_is_encoded_comes_out_again(files: dict[str, bytes], shim: dict[str, int]) -> None:
    frame = link.encode_become({"shim": shim, "env": []}, files)
    head, decoded = link.decode_become(frame)
    assert frame[0] == link.BECOME
    assert (head["shim"], head["env"], decoded) == (shim, [], files)


@given(FILES, st.data())
def test_a_frame_that_is_cut_is_refused(files: dict[str, bytes], data: st.DataObject) -> None:
    frame = link.encode_become({"shim": {}, "env": []}, files)
    end = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(link.FrameError):
        link.decode_become(frame[:end])


def test_more_bytes_than_the_files_have_are_refused() -> None:
    with pytest.raises(link.FrameError, match="names files of"):
        link.decode_become(link.encode_become({"shim": {}}, {"a.py": b"1"}) + b"x")


@pytest.mark.parametrize("files", ["5", '[["a", -1]]', '[["a"]]', '[["a", 1, 2]]', '[["a", "x"]]'])
def test_a_list_of_files_that_is_none_is_refused(files: str) -> None:
    head = b'{"files": %s}' % files.encode()
    with pytest.raises(link.FrameError):
        link.decode_become(bytes((link.BECOME,)) + len(head).to_bytes(4, "little") + head)
