"""Paths lead to the object that was meant and to no other; pauses grow to a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.kube.backoff import Backoff
from lambent.kube.paths import collection_path, object_path


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("v1", "pods", "default", "web"), "/api/v1/namespaces/default/pods/web"),
        (("v1", "pods", "default", "web", "log"), "/api/v1/namespaces/default/pods/web/log"),
        (("v1", "nodes", None, "node-1"), "/api/v1/nodes/node-1"),
        (("apps/v1", "deployments", "default", "web", "scale"), "/apis/apps/v1/namespaces/default/deployments/web/scale"),
        (("rbac.authorization.k8s.io/v1", "clusterroles", None, "a:b"), "/apis/rbac.authorization.k8s.io/v1/clusterroles/a:b"),
    ],
)
def test_an_object_has_its_path(arguments: tuple[str, str, str | None, str], path: str) -> None:
    assert object_path(*arguments) == path


def test_a_collection_is_of_a_namespace_or_of_the_cluster() -> None:
    assert collection_path("lambent.dev/v1alpha1", "functions") == "/apis/lambent.dev/v1alpha1/functions"
    assert collection_path("v1", "pods", "default") == "/api/v1/namespaces/default/pods"


@given(st.text().filter(lambda name: not name.isascii() or any(part in name for part in ("/", "..", "?", "#", "%", " ", "\n")) or not name))
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not allowed in an API path"):
        object_path("v1", "pods", "default", name)
    with pytest.raises(ValueError, match="not allowed in an API path"):
        collection_path("v1", "pods", name)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_pauses_are_between_nothing_and_the_longest(failures: int, chance: float) -> None:
    backoff = Backoff(first_seconds=0.25, longest_seconds=10.0)
    pause = backoff.wait_seconds(failures, chance)
    assert 0 <= pause <= 10.0
    assert (pause == 0) == (failures == 0)
    assert backoff.wait_seconds(failures + 1, 1.0) >= backoff.wait_seconds(failures, 1.0)
