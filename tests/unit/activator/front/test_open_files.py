"""The server asks the system for as many open files as its limits may need."""

import resource

import pytest

from lambent.activator.front.server import allow_files

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "set_to", "warned"),
    [
        ((1_024, 500_000), (12_000, 500_000), False),
        ((1_024, INFINITE), (12_000, INFINITE), False),
        ((1_024, 4_096), (4_096, 4_096), True),
        ((4_096, 4_096), None, True),
        ((12_000, 12_000), None, False),
        ((500_000, 500_000), None, False),
        ((INFINITE, INFINITE), None, False),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_it_is_needed_and_allowed(
    limits: tuple[int, int],
    set_to: tuple[int, int] | None,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: made.append(to))
    allow_files(12_000)

    assert made == ([set_to] if set_to else [])
    assert ("only 4096 files may be open" in caplog.text) is warned
