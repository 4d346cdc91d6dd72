import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.activator.links.start_parts import start_parts


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


@pytest.mark.parametrize("asked_at", [100.0, 100.004])
def test_a_pod_from_the_pool_tells_when_it_knew_what_to_become_and_was_ready(asked_at: float) -> None:
    parts = start_parts(asked_at, 0.02, None, {"startedAt": 10_000.0, "helloMs": 100.0, "becomeMs": 90_001.0, "initMs": 90_009.0})

    assert list(parts) == ["become", "import", "send"]
    assert sum(parts.values()) == pytest.approx(20)
    assert parts["import"] == pytest.approx(8 if asked_at == 100.0 else 5)


def test_a_pod_that_had_become_the_function_long_before_tells_nothing_of_this_start() -> None:
    assert start_parts(100.0, 0.02, None, {"startedAt": 10_000.0, "becomeMs": 80_000.0, "initMs": 80_009.0}) == {}
