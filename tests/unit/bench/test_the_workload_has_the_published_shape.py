from __future__ import annotations

import math

import pytest

from bench.scale.workload import (
    BUSIEST_PER_SECOND,
    DAY,
    LONGEST_SECONDS,
    MOST_AT_ONCE,
    RATES,
    TIMER_SHARE,
    Shape,
    draw_calls,
    draw_shapes,
    rate_at,
)


def test_rates_span_eight_orders_of_magnitude() -> None:
    assert math.log10(rate_at(1.0) / rate_at(0.0)) == pytest.approx(8.0)


@pytest.mark.parametrize(("share", "per_day"), RATES)
def test_rates_go_through_the_published_points(share: float, per_day: float) -> None:
    assert rate_at(share) == pytest.approx(per_day)


def test_few_functions_make_almost_all_calls() -> None:
    rates = sorted(rate_at((number + 0.5) / 10_000) for number in range(10_000))
    assert sum(rates[8_100:]) / sum(rates) > 0.99
    assert sum(rate <= 24.0 for rate in rates) == pytest.approx(4_500, abs=1)


def test_half_of_the_functions_take_less_than_a_second_on_average() -> None:
    shapes = draw_shapes(2_000)
    assert 0.5 < sum(shape.seconds < 1.0 for shape in shapes) / len(shapes) < 0.65


def test_the_share_of_timers_is_the_published_one() -> None:
    assert sum(shape.timer for shape in draw_shapes(5_000)) / 5_000 == pytest.approx(TIMER_SHARE, abs=0.02)


def test_no_function_asks_for_more_than_the_machine_stands_for() -> None:
    for shape in draw_shapes(1_000):
        assert shape.per_day <= BUSIEST_PER_SECOND * DAY
        assert shape.seconds <= LONGEST_SECONDS
        assert shape.per_day / DAY * shape.seconds <= MOST_AT_ONCE + 1e-9


def test_calls_come_in_order_and_within_the_window() -> None:
    calls = draw_calls(draw_shapes(100), 180.0)
    assert calls == sorted(calls)
    assert all(0.0 <= call.at < 180.0 for call in calls)


def test_every_active_function_is_called() -> None:
    assert {call.number for call in draw_calls(draw_shapes(100), 60.0)} == set(range(100))


def test_timers_of_one_minute_fire_together_at_full_minutes() -> None:
    every_minute = [Shape(number, 1_440.0, timer=True, seconds=0.1) for number in range(3)]
    assert [call.at for call in draw_calls(every_minute, 121.0)] == [0.0] * 3 + [60.0] * 3 + [120.0] * 3


def test_a_timer_slower_than_its_window_fires_at_its_beginning() -> None:
    assert [call.at for call in draw_calls([Shape(0, 24.0, timer=True, seconds=0.1)], 180.0)] == [0.0]


def test_the_same_seed_gives_the_same_calls() -> None:
    shapes = draw_shapes(50, seed=1)
    assert draw_calls(shapes, 60.0, seed=2) == draw_calls(draw_shapes(50, seed=1), 60.0, seed=2)
    assert draw_calls(shapes, 60.0, seed=2) != draw_calls(shapes, 60.0, seed=3)


def test_a_busy_function_is_called_as_often_as_its_rate_says() -> None:
    calls = draw_calls([Shape(0, 5.0 * DAY, timer=False, seconds=0.1)], 400.0)
    assert len(calls) == pytest.approx(2_000, rel=0.1)
