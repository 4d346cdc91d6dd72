from hypothesis import given
from hypothesis import strategies as st

from bench.report import Result, format_table, quantile


def test_verdict_follows_the_direction() -> None:
    assert Result("a", 0.6, "s", "lower", 1.0, 0.65).verdict() == "aim"
    assert Result("a", 0.9, "s", "lower", 1.0, 0.65).verdict() == "least"
    assert Result("a", 1.1, "s", "lower", 1.0, 0.65).verdict() == "missed"
    assert Result("a", 0.5, "x", "higher", 0.25, 0.45).verdict() == "aim"
    assert Result("a", 0.2, "x", "higher", 0.25, 0.45).verdict() == "missed"
    assert Result("a", 0.2, "x", "higher").verdict() == ""


def test_table_has_a_row_for_each_figure() -> None:
    assert format_table([Result("cold", 0.71234, "s", "lower", 1.0, 0.65)]).splitlines()[-1] == "| cold | 0.712 s | 1 | 0.65 | least |"


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_quantile_is_a_value_with_that_share_at_or_below(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values), "and none that is smaller has it"


def test_of_twenty_values_the_95th_percentile_is_not_the_worst() -> None:
    assert quantile([float(value) for value in range(1, 21)], 0.95) == 19.0
