"""What the controller has made itself, or does not look at, asks for no reconcile."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from lambent.controller.queue.work_queue import Key
from lambent.controller.watch.child_news import RESOURCES, ChildNews, News, view_child

KEY = Key("Function", "default", "hello")
Body = dict[str, Any]


def an_object(**metadata: Any) -> Body:
    owner = {"kind": "Function", "name": "hello", "uid": "f", "controller": True}
    labels = {"lambent.dev/function": "hello"}
    given = {"name": "hello", "namespace": "default", "uid": "u", "generation": 1, "labels": labels, "ownerReferences": [owner]}
    return {"metadata": {**given, **metadata}, "spec": {"replicas": 0, "template": {}}, "status": {}}


@pytest.mark.parametrize("plural", ["deployments", "services", "configmaps", "networkpolicies"])
def test_what_a_reconcile_has_made_is_no_news(plural: str) -> None:
    assert ChildNews().judge_added(view_child(plural, an_object())) is News.NONE


@pytest.mark.parametrize("plural", ["deployments", "services", "configmaps", "networkpolicies", "pods"])
def test_what_others_have_made_is_news(plural: str) -> None:
    assert ChildNews().judge_added(view_child(plural, an_object(ownerReferences=[]))) is not News.NONE


def changed(change: Callable[[Body], object]) -> Body:
    body = copy.deepcopy(an_object())
    change(body)
    return body


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda body: body["metadata"].update(resourceVersion="9", annotations={"deployment.kubernetes.io/revision": "1"}), News.NONE),
        (lambda body: body["status"].update(observedGeneration=1, conditions=[{"type": "Available", "status": "True"}]), News.NONE),
        (lambda body: body["status"].update(replicas=1), News.COUNTS),
        (lambda body: (body["metadata"].update(generation=2), body["spec"].update(replicas=3)), News.COUNTS),
        (lambda body: (body["metadata"].update(generation=2), body["spec"].update(template={"spec": {}})), News.LOOKS),
        (lambda body: body["status"].update(conditions=[{"type": "ReplicaFailure", "status": "True", "message": "quota"}]), News.LOOKS),
        (lambda body: body["metadata"]["labels"].update(team="other"), News.LOOKS),
        (lambda body: body["metadata"].update(ownerReferences=[]), News.LOOKS),
        (lambda body: body["metadata"].update(deletionTimestamp="now"), News.LOOKS),
        (lambda body: body["metadata"].update(uid="another"), News.LOOKS),
    ],
)
def test_of_a_deployment_only_what_decisions_look_at_is_news(change: Callable[[Body], object], expected: News) -> None:
    news = ChildNews()
    news.judge_added(view_child("deployments", an_object()))

    assert news.judge_modified(view_child("deployments", changed(change))) is expected
    assert news.judge_modified(view_child("deployments", changed(change))) is News.NONE, "it is known now"


def test_the_first_that_is_heard_of_an_object_is_news() -> None:
    news = ChildNews()
    assert news.judge_modified(view_child("deployments", an_object())) is News.LOOKS
    assert news.judge_modified(view_child("deployments", an_object(resourceVersion="9"))) is News.NONE
    assert news.judge_deleted(view_child("deployments", an_object())) is News.ANY
    assert news.judge_modified(view_child("deployments", an_object())) is News.LOOKS


@pytest.mark.parametrize("plural", ["services", "configmaps", "networkpolicies"])
def test_objects_that_nobody_drives_are_put_right_after_any_change(plural: str) -> None:
    news = ChildNews()
    news.judge_added(view_child(plural, an_object()))

    assert news.judge_modified(view_child(plural, an_object(resourceVersion="9"))) is News.ANY


def test_a_pods_way_to_readiness_is_news_and_its_heartbeats_are_not() -> None:
    news, pod = ChildNews(), an_object(ownerReferences=[])
    assert news.judge_added(view_child("pods", pod)) is News.COUNTS
    ready = {**pod, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    assert news.judge_modified(view_child("pods", ready)) is News.COUNTS
    again = {**pod, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": "now"}]}}
    assert news.judge_modified(view_child("pods", again)) is News.NONE


IN_TROUBLE = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]}


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(status=IN_TROUBLE),
        lambda body: body["metadata"]["labels"].update({"lambent.dev/role": "candidate"}),
    ],
)
def test_candidates_and_pods_in_trouble_ask_for_a_whole_look(change: Callable[[Body], object]) -> None:
    news, well = ChildNews(), an_object(ownerReferences=[])
    child = view_child("pods", changed(lambda body: (body["metadata"].update(ownerReferences=[]), change(body))))
    news.judge_added(view_child("pods", well))

    assert news.judge_modified(child) is News.ANY
    assert news.judge_modified(view_child("pods", well)) is News.COUNTS
    assert news.judge_added(child) is News.ANY
    assert news.judge_deleted(child) is News.ANY


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
