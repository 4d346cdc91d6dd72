from __future__ import annotations

import pytest

from lambent_runtime import frames
from lambent_runtime.sharing import explain_apart

QUICK, SLOW = {"duration_ms": 19.9, "grown_kib": 4095}, {"duration_ms": 20.0, "grown_kib": 0}
LARGE = {"duration_ms": 1.0, "grown_kib": 4096}


@pytest.mark.parametrize(
    ("sharing", "taken", "drawn", "shared"),
    [
        (0, QUICK, "", False),
        (0, SLOW, "", True),
        (0, LARGE, "", True),
        (0, SLOW, "an id", False),
        (0, LARGE, "an id", False),
        (frames.NEVER_SHARE, SLOW, "", False),
        (frames.ALWAYS_SHARE, SLOW, "an id", True),
        (frames.ALWAYS_SHARE, QUICK, "", True),
    ],
)
def test_it_is_shared_where_it_is_worth_it_and_has_drawn_nothing_or_where_the_function_says_so(
    sharing: int, taken: dict[str, float], drawn: str, *, shared: bool
) -> None:
    assert (explain_apart(sharing, **taken, explain_drawn=lambda: drawn) == "") == shared  # type: ignore[arg-type]
