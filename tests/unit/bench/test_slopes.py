from __future__ import annotations

import pytest

from bench.scale.slopes import Line, fit


def test_points_on_a_line_give_that_line() -> None:
    line = fit([(1_000, 60.0), (3_000, 80.0), (10_000, 150.0)])
    assert (line.base, line.slope) == (pytest.approx(50.0), pytest.approx(0.01))


def test_the_line_goes_through_the_middle_of_what_is_noisy() -> None:
    assert fit([(0, 1.0), (0, 3.0), (10, 12.0)]).at(0) == pytest.approx(2.0)


def test_a_line_says_where_it_meets_a_limit() -> None:
    assert Line(50.0, 0.01).reaches(150.0) == pytest.approx(10_000)


def test_a_line_that_does_not_rise_never_meets_a_limit() -> None:
    assert Line(50.0, 0.0).reaches(150.0) == float("inf")


@pytest.mark.parametrize("points", [[], [(1_000, 5.0)], [(1_000, 5.0), (1_000, 6.0)]])
def test_one_count_makes_no_line(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="two counts"):
        fit(points)
