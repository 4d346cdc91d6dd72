import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.activator.start_parts import start_parts


def test_parts_are_the_stretches_between_what_was_seen() -> None:
    parts = start_parts(100.0, 0.8, 100.01, {"startedAt": 100_500.0, "helloMs": 100.0, "initMs": 150.0, "welcomeMs": 120.0})

    assert parts == pytest.approx({"scale": 10, "schedule": 490, "shim": 100, "import": 50, "send": 150})


def test_a_pod_that_was_starting_already_tells_nothing_of_this_start() -> None:
    assert start_parts(100.0, 0.8, None, {"startedAt": 99_000.0, "helloMs": 100.0, "initMs": 150.0}) == {}


def test_a_shim_that_tells_no_phases_gives_no_parts() -> None:
    assert start_parts(100.0, 0.8, None, {}) == {}


times = st.floats(0, 10, allow_nan=False)


@given(times, st.none() | st.floats(95, 115), st.floats(100_000.001, 110_000), st.floats(0, 9000), st.floats(0, 9000))
def test_parts_are_never_negative_and_add_up_to_the_wait(
    wait: float, raised: float | None, started: float, hello: float, ready: float
) -> None:
    parts = start_parts(100.0, wait, raised, {"startedAt": started, "helloMs": hello, "initMs": ready})

    assert all(value >= 0 for value in parts.values())
    assert sum(parts.values()) == pytest.approx(wait * 1000, abs=1e-6)
