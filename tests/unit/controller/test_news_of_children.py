"""What the controller has made itself, or does not look at, asks for no reconcile."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from lambent.controller.child_news import RESOURCES, ChildNews, view_child
from lambent.controller.work_queue import Key

KEY = Key("Function", "default", "hello")
Body = dict[str, Any]


def an_object(**metadata: Any) -> Body:
    owner = {"kind": "Function", "name": "hello", "uid": "f", "controller": True}
    labels = {"lambent.dev/function": "hello"}
    given = {"name": "hello", "namespace": "default", "uid": "u", "generation": 1, "labels": labels, "ownerReferences": [owner]}
    return {"metadata": {**given, **metadata}, "spec": {"replicas": 0}, "status": {}}


@pytest.mark.parametrize("plural", ["deployments", "services", "configmaps", "networkpolicies"])
def test_what_a_reconcile_has_made_is_no_news(plural: str) -> None:
    assert not ChildNews().is_news_added(view_child(plural, an_object()))


@pytest.mark.parametrize("plural", ["deployments", "services", "configmaps", "networkpolicies", "pods"])
def test_what_others_have_made_is_news(plural: str) -> None:
    assert ChildNews().is_news_added(view_child(plural, an_object(ownerReferences=[])))


def changed(change: Callable[[Body], object]) -> Body:
    body = copy.deepcopy(an_object())
    change(body)
    return body


@pytest.mark.parametrize(
    ("change", "is_news"),
    [
        (lambda body: body["metadata"].update(resourceVersion="9", annotations={"deployment.kubernetes.io/revision": "1"}), False),
        (lambda body: body["status"].update(observedGeneration=1, conditions=[{"type": "Available", "status": "True"}]), False),
        (lambda body: body["status"].update(replicas=1), True),
        (lambda body: body["status"].update(conditions=[{"type": "ReplicaFailure", "status": "True", "message": "quota"}]), True),
        (lambda body: body["metadata"].update(generation=2), True),
        (lambda body: body["metadata"]["labels"].update(team="other"), True),
        (lambda body: body["metadata"].update(ownerReferences=[]), True),
        (lambda body: body["metadata"].update(deletionTimestamp="now"), True),
        (lambda body: body["metadata"].update(uid="another"), True),
    ],
)
def test_of_a_deployment_only_what_decisions_look_at_is_news(change: Callable[[Body], object], is_news: bool) -> None:
    news = ChildNews()
    news.is_news_added(view_child("deployments", an_object()))

    assert news.is_news_modified(view_child("deployments", changed(change))) is is_news
    assert not news.is_news_modified(view_child("deployments", changed(change))), "it is known now"


def test_the_first_that_is_heard_of_an_object_is_news() -> None:
    news = ChildNews()
    assert news.is_news_modified(view_child("deployments", an_object()))
    assert not news.is_news_modified(view_child("deployments", an_object(resourceVersion="9")))
    news.note_deleted(view_child("deployments", an_object()))
    assert news.is_news_modified(view_child("deployments", an_object()))


@pytest.mark.parametrize("plural", ["services", "configmaps", "networkpolicies"])
def test_objects_that_nobody_drives_are_put_right_after_any_change(plural: str) -> None:
    news = ChildNews()
    news.is_news_added(view_child(plural, an_object()))

    assert news.is_news_modified(view_child(plural, an_object(resourceVersion="9")))


def test_a_pods_way_to_readiness_is_news_and_its_heartbeats_are_not() -> None:
    news, pod = ChildNews(), an_object(ownerReferences=[])
    assert news.is_news_added(view_child("pods", pod))
    ready = {**pod, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    assert news.is_news_modified(view_child("pods", ready))
    again = {**pod, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": "now"}]}}
    assert not news.is_news_modified(view_child("pods", again))


def test_an_object_of_a_pool_concerns_the_pool() -> None:
    labels = {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11"}
    child = view_child("deployments", an_object(labels=labels, ownerReferences=[]))
    assert child.key == Key("Pool", "default", "python3.11")


def test_functions_and_pools_are_selected_by_their_own_labels() -> None:
    assert {resource.selector for resource in RESOURCES if resource.of_pools} == {"lambent.dev/role=pool"}
    assert {resource.selector for resource in RESOURCES if not resource.of_pools} == {"lambent.dev/function"}


def test_an_object_of_nobody_concerns_nobody() -> None:
    assert view_child("deployments", an_object(labels={"app.kubernetes.io/managed-by": "lambent"})).key is None
    assert view_child("deployments", an_object()).key == KEY
