"""A scale is written only where that does not undo what somebody else has just written."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from lambent.kube.client import KubeClient
from lambent.kube.errors import ConflictError, NotFoundError
from lambent.kube.scale import Scale, raise_scale, set_scale
from tests.support.fake_kube import FakeKube

PATH = "/apis/apps/v1/namespaces/default/deployments/hello/scale"


def a_scale(replicas: int) -> tuple[FakeKube, KubeClient]:
    fake = FakeKube()
    fake.put(PATH, {"spec": {"replicas": replicas} if replicas else {}})
    return fake, cast("KubeClient", fake)


def replicas(fake: FakeKube) -> int:
    return int(fake.objects[PATH]["spec"].get("replicas", 0))


@pytest.mark.parametrize(
    ("current", "wanted", "maximum", "after"), [(0, 1, 5, 1), (0, 9, 5, 5), (3, 2, 5, 3), (3, 3, 5, 3), (6, 9, 5, 6), (2, 4, 5, 4)]
)
def test_a_raise_never_lowers_and_never_passes_the_maximum(current: int, wanted: int, maximum: int, after: int) -> None:
    fake, client = a_scale(current)
    scale = asyncio.run(raise_scale(client, "default", "hello", wanted, maximum))
    assert scale == Scale(after, written=after != current, version=fake.objects[PATH]["metadata"]["resourceVersion"])
    assert replicas(fake) == after


def test_a_write_carries_the_version_that_was_read() -> None:
    fake, client = a_scale(0)
    asyncio.run(raise_scale(client, "default", "hello", 2, 5))
    assert fake.calls == [("GET", PATH, None), ("PATCH", PATH, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}})]


def test_a_raise_reads_anew_when_the_deployment_has_changed_meanwhile() -> None:
    fake, client = a_scale(1)

    def somebody_is_faster(method: str, _: str) -> None:
        if method == "PATCH" and replicas(fake) == 1:
            fake.put(PATH, {"spec": {"replicas": 7}})

    fake.before = somebody_is_faster
    assert asyncio.run(raise_scale(client, "default", "hello", 4, 10)).replicas == 7
    assert replicas(fake) == 7


def test_a_lowering_is_given_up_when_somebody_has_raised_the_scale() -> None:
    fake, client = a_scale(1)

    def somebody_is_faster(method: str, _: str) -> None:
        if method == "PATCH" and replicas(fake) == 1:
            fake.put(PATH, {"spec": {"replicas": 5}})

    fake.before = somebody_is_faster
    scale = asyncio.run(set_scale(client, "default", "hello", 0, expected=1))
    assert (scale.replicas, scale.written) == (5, False)
    assert replicas(fake) == 5


def test_a_status_that_keeps_changing_does_not_stop_a_write_for_long() -> None:
    fake, client = a_scale(1)
    changes = 5

    def status_changes(method: str, _: str) -> None:
        nonlocal changes
        if method == "PATCH" and changes:
            changes -= 1
            fake.put(PATH, fake.objects[PATH])

    fake.before = status_changes
    assert asyncio.run(set_scale(client, "default", "hello", 3)).written
    assert replicas(fake) == 3


def test_endless_conflicts_end_in_an_error() -> None:
    fake, client = a_scale(1)
    fake.before = lambda method, path: cast("Any", fake.put(PATH, fake.objects[PATH])) if method == "PATCH" else None
    with pytest.raises(ConflictError):
        asyncio.run(set_scale(client, "default", "hello", 3))


def test_a_deployment_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotFoundError):
        asyncio.run(raise_scale(cast("KubeClient", FakeKube()), "default", "hello", 1, 1))
