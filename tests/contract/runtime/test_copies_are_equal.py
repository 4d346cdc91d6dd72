"""What the shim, the bootstrap and the control plane each have a copy of, because none may import another."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

import lambent_runtime.frames
import lambent_shim.link.wire
import lambent_shim.workers.frames
from lambent.api import link, reasons
from lambent.api.functions import shim
from lambent_shim.limits import memory
from lambent_shim.workers import failures


def definitions(module: ModuleType) -> str:
    tree = ast.parse(inspect.getsource(module))
    tree.body = tree.body[1:]  # each has its own docstring
    return ast.unparse(tree)


def constants(module: ModuleType) -> dict[str, object]:
    return {name: value for name, value in vars(module).items() if name.isupper()}


def test_the_link_protocol_is_the_control_planes() -> None:
    assert definitions(lambent_shim.link.wire) == definitions(link)


def test_frames_between_shim_and_bootstrap_are_the_same() -> None:
    shims = constants(lambent_shim.workers.frames)
    assert shims.pop("MAX_FRAME_BYTES")
    assert {name: getattr(value, "format", value) for name, value in shims.items()} == {
        name: getattr(value, "format", value) for name, value in constants(lambent_runtime.frames).items()
    }


@given(
    st.sampled_from([lambent_shim.workers.frames.STARTED, lambent_shim.workers.frames.RESULT, lambent_shim.workers.frames.OUTPUT]),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=300),
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=100),
)
def test_a_frame_of_one_side_is_read_by_the_other(kind: int, number: int, payload: bytes, flags: int, value: int, meta: bytes) -> None:
    sent = lambent_runtime.frames.encode(kind, number, payload, flags=flags, value=value, meta=meta)
    assert sent == lambent_shim.workers.frames.encode(kind, number, payload, flags=flags, value=value, meta=meta)
    assert lambent_shim.workers.frames.FrameBuffer().feed(sent) == [(kind, flags, number, value, meta, payload)]


def test_every_reason_the_shim_gives_is_in_the_table() -> None:
    given_reasons = {value for name, value in vars(failures).items() if name.isupper() and isinstance(value, str) and "." in value}
    given_reasons -= {failures.EXIT_ERROR, failures.TIMED_OUT}
    assert given_reasons <= set(reasons.REASONS)


def test_the_containers_limit_leaves_the_shim_its_share() -> None:
    assert memory.SHIM_SHARE_MIB << 20 == shim.SHIM_MEMORY_BYTES
