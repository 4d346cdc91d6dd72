"""`$(NAME)` against the kubelet's own steps, written out byte by byte as its package `expansion` takes them."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from lambent_shim.expansion import expand, expand_entries

TEXTS = st.text(alphabet="$()AB x", max_size=14)
KNOWN = st.dictionaries(st.sampled_from(["", "A", "B", "AB", "$(A", " "]), st.text(alphabet="$()A", max_size=4), max_size=4)


def as_the_kubelet(text: str, known: dict[str, str]) -> str:
    done, checkpoint, cursor = "", 0, 0
    while cursor < len(text):
        if text[cursor] == "$" and cursor + 1 < len(text):
            done += text[checkpoint:cursor]
            rest = text[cursor + 1 :]
            if rest[0] == "$":
                done, advance = done + "$", 1
            elif rest[0] == "(" and ")" in rest:
                name = rest[1 : rest.index(")")]
                done, advance = done + known.get(name, f"$({name})"), len(name) + 2
            else:
                done, advance = done + "$" + rest[0], 1
            cursor += advance
            checkpoint = cursor + 1
        cursor += 1
    return done + text[checkpoint:]


@given(TEXTS, KNOWN)
@example("$$(A)", {"A": "1"})
@example("$$$(A)", {"A": "1"})
@example("$$$$(A)", {"A": "1"})
@example("$(A", {"A": "1"})
@example("$(A$(B)", {"A": "1", "B": "2"})
@example("$", {})
@example("$($(A))", {"A": "B", "B": "2"})
def test_every_text_expands_the_same(text: str, known: dict[str, str]) -> None:
    assert expand(text, known) == as_the_kubelet(text, known)


@given(TEXTS)
def test_what_is_doubled_comes_out_as_it_was(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1", "B": "2", "AB": "3"}) == text


ENTRIES = st.lists(st.tuples(st.sampled_from("ABC"), st.text(alphabet="$()ABC", max_size=8), st.booleans()), max_size=6)


@given(ENTRIES, st.dictionaries(st.sampled_from("CD"), st.just("service")))
def test_an_entry_sees_those_before_it_then_services_and_the_last_of_a_name_stays(
    entries: list[tuple[str, str, bool]], services: dict[str, str]
) -> None:
    before: dict[str, str] = {}
    for name, value, may_refer in entries:
        before = before | {name: as_the_kubelet(value, services | before) if may_refer else value}
    assert expand_entries(entries, services) == before
