"""BECOMEs in any order, SIGTERM among them: never two functions, and everybody is told the truth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent_shim.become import BecomeError, explain_refusal, read_names, read_order
from lambent_shim.configuration import parse_configuration

GENERIC = parse_configuration(
    '{"pool": true, "namespace": "n", "activators": ["a:1"], "taskRoot": "/var/task"}', runtime_dir="/var/runtime", pod="pool-1"
)
NAMED = st.tuples(st.sampled_from(["a", "b", ""]), st.sampled_from(["1", "2"]), st.sampled_from(["n", "n", "n", "other"]))


@given(st.lists(st.one_of(NAMED, st.just("drain")), max_size=8), st.booleans())
def test_the_first_that_is_well_formed_wins(steps: list[tuple[str, str, str] | str], used: bool) -> None:
    current, draining, history = GENERIC, False, []
    for step in steps:
        if isinstance(step, str):
            draining = True
            continue
        function, revision, namespace = step
        head = {"shim": {"function": function, "revision": revision, "namespace": namespace, "handler": "x.y"}}
        try:
            refusal = explain_refusal(current, *read_names(head, GENERIC), used=used, draining=draining)
            if not refusal and not current.function:
                current = read_order(head, (), GENERIC, {}).configuration
                history.append((function, revision))
        except BecomeError as error:
            refusal = str(error)
        assert (refusal == "") == (
            not used
            and not draining
            and namespace == "n"
            and bool(function)
            and (current.function, current.revision) == (function, revision)
        )
    assert len(history) <= 1
    assert (current.function, current.revision) == (history[0] if history else ("", ""))
