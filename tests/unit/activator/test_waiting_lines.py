"""Functions that nobody waits for share an empty line; whoever waits has one of their own."""

from __future__ import annotations

from lambent.activator.admission.meter import Meter
from lambent.activator.admission.model import FunctionKey, Invocation
from lambent.activator.admission.waiting import Waiting

KEY = FunctionKey("default", "hello")


def a_line() -> Waiting:
    return Waiting(Meter(0.0), 0.1)


def test_who_waits_for_one_function_waits_for_no_other() -> None:
    first, second = a_line(), a_line()
    first.add(Invocation(KEY, b"{}", b"1"))

    assert (len(first.line), len(second.line), len(a_line().line)) == (1, 0, 0)

    second.put_back(Invocation(KEY, b"{}", b"2"), 1.0)
    assert [each.payload for each in (first.line[0], second.line[0])] == [b"1", b"2"]
    assert not a_line().line
