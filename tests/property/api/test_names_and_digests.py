"""Names fit and differ; digests and revisions change with what they stand for and with nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambent.api import names
from lambent.api.functions.function import FunctionSpec, parse_function_spec
from lambent.api.functions.revision import code_digest, revision_of
from lambent.api.functions.scaling import Scaling
from lambent.api.quantity import format_bytes, parse_bytes
from lambent.controller.resources.code import encode_key

LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
function_names = st.from_regex(LABEL, fullmatch=True).filter(lambda name: len(name) <= 63)
long_names = st.from_regex(r"[a-z][-a-z0-9]{55,61}[a-z0-9]", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{12}", fullmatch=True)
revisions = st.from_regex(r"[0-9a-f]{10}", fullmatch=True)
paths = st.text(min_size=1, max_size=300)
files = st.dictionaries(paths, st.binary(max_size=20), max_size=4)


@given(function_names | long_names, digests, revisions)
def test_every_child_has_a_name_that_is_a_label(function: str, digest: str, revision: str) -> None:
    for name in (
        names.deployment(function),
        names.service(function),
        names.network_policy(function),
        names.code_config_map(function, digest),
        names.candidate_pod(function, revision),
    ):
        assert len(name) <= 63
        assert LABEL.fullmatch(name)


@given(st.tuples(long_names, digests), st.tuples(long_names, digests))
def test_two_children_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (names.code_config_map(*one) == names.code_config_map(*other)) == (one == other)


@given(paths, paths)
def test_two_paths_never_share_a_key_and_keys_are_allowed(one: str, other: str) -> None:
    assert (encode_key(one) == encode_key(other)) == (one == other)
    assert re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", encode_key(one))


@given(files, files)
def test_a_digest_stands_for_its_files(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (code_digest(one) == code_digest(other)) == (one == other)
    assert code_digest(one) == code_digest(dict(reversed(one.items())))


@given(st.integers(0, 2**40))
def test_bytes_survive_being_written_and_read(amount: int) -> None:
    assert parse_bytes(format_bytes(amount)) == amount


def a_spec(**spec: Any) -> FunctionSpec:
    return parse_function_spec({"runtime": "python3.11", "code": {"inline": {"app.py": "x"}}, **spec})


CHANGES: list[dict[str, Any]] = [
    {"handler": "b.c"},
    {"memory": "256Mi"},
    {"timeoutSeconds": 4},
    {"concurrency": 2},
    {"env": [{"name": "A", "value": "b"}]},
    {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]},
    {"logging": {"format": "JSON"}},
    {"serviceAccountName": "x"},
    {"runtimeClassName": "x"},
    {"nodeSelector": {"a": "b"}},
    {"tolerations": [{"key": "a"}]},
    {"volumes": [{"name": "a", "mountPath": "/mnt/a", "emptyDir": {}}]},
    {"cpu": {"limit": "1"}},
    {"imagePullSecrets": [{"name": "x"}]},
    {"runtime": "python3.12"},
]


@given(
    st.lists(st.sampled_from(range(len(CHANGES))), unique=True, max_size=3),
    st.lists(st.sampled_from(range(len(CHANGES))), unique=True, max_size=3),
)
def test_a_revision_stands_for_what_the_user_wrote_of_the_pod(one: list[int], other: list[int]) -> None:
    def spec(changes: list[int]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for number in changes:
            merged |= CHANGES[number]
        return merged

    first, second = spec(sorted(one)), spec(sorted(other))
    assert (revision_of(a_spec(**first), "c") == revision_of(a_spec(**second), "c")) == (first == second)


def test_scaling_is_no_part_of_a_revision_and_code_is() -> None:
    spec = a_spec()

    assert revision_of(replace(spec, scaling=Scaling(min_scale=3)), "c") == revision_of(spec, "c")
    assert revision_of(spec, "c") != revision_of(spec, "d")


def test_a_revision_stays_the_same_from_version_to_version() -> None:
    """A change of this value makes every function of every installation prove itself anew: it needs a note in the upgrade guide."""
    assert revision_of(a_spec(handler="app.handler"), "c") == "1e9df86428"
