"""kopf only names what changed, and only where it leads."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lambent.controller.queue.work_queue import TRIGGER, Key
from lambent.controller.watch.function_news import FunctionNews, TriggerNews
from tests.support.schemas import CHECKOUT

KEY = Key("Function", "default", "hello")


def a_body(**changes: Any) -> dict[str, Any]:
    metadata = {"uid": "u", "generation": 1, **changes.pop("metadata", {})}
    return {"metadata": metadata, "status": {"conditions": [], **changes}}


@pytest.mark.parametrize(
    ("body", "is_news"),
    [
        (a_body(), False),
        (a_body(conditions=[{"type": "Ready"}], replicas=3, lastInvoked="now"), False),
        (a_body(metadata={"generation": 2}), True),
        (a_body(metadata={"deletionTimestamp": "now"}), True),
        (a_body(metadata={"uid": "another"}), True),
        (a_body(initialization={"revision": "a", "outcome": "Failed"}), True),
    ],
)
def test_the_echo_of_a_status_is_no_news(body: dict[str, Any], is_news: bool) -> None:
    news = FunctionNews()
    assert news.is_news(KEY, "ADDED", a_body())

    assert news.is_news(KEY, "MODIFIED", body) is is_news


def test_another_duration_of_an_initialisation_is_no_news_and_another_outcome_is() -> None:
    news = FunctionNews()
    news.is_news(KEY, "ADDED", a_body(initialization={"revision": "a", "outcome": "Failed", "durationMs": 1}))

    assert not news.is_news(KEY, "MODIFIED", a_body(initialization={"revision": "a", "outcome": "Failed", "durationMs": 2}))
    assert news.is_news(KEY, "MODIFIED", a_body(initialization={"revision": "a", "outcome": "Succeeded", "durationMs": 2}))


def a_settled_body(**changes: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
    return a_body(**{"observedGeneration": 1, "conditions": [ready], **changes})


def test_a_list_has_no_news_of_a_function_that_was_carried_out() -> None:
    assert not FunctionNews().is_news(KEY, None, a_settled_body())
    assert FunctionNews().is_news(KEY, "ADDED", a_settled_body())


@pytest.mark.parametrize(
    "body",
    [
        a_settled_body(metadata={"generation": 2}),
        a_settled_body(metadata={"deletionTimestamp": "now"}),
        a_settled_body(observedGeneration=0),
        a_settled_body(conditions=[]),
        a_settled_body(conditions=[{"type": "Ready", "status": "Unknown", "observedGeneration": 1}]),
        a_settled_body(conditions=[{"type": "Ready", "status": "True", "observedGeneration": 0}]),
        a_body(),
    ],
)
def test_a_list_has_news_of_every_other_function(body: dict[str, Any]) -> None:
    assert FunctionNews().is_news(KEY, None, body)


def test_what_a_list_shows_is_news_and_so_is_an_end() -> None:
    news = FunctionNews()
    news.is_news(KEY, "ADDED", a_body())

    assert news.is_news(KEY, None, a_body())
    assert news.is_news(KEY, "DELETED", a_body())
    assert news.is_news(KEY, "ADDED", a_body()), "of the next object of that name"


def test_a_standby_does_not_load_kopf() -> None:
    loaded = "print('kopf' in sys.modules)"
    program = f"import sys, lambent.controller.app; {loaded}; import lambent.controller.watch.user_objects; {loaded}"

    ended = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT / "operator", capture_output=True, text=True, check=False)

    assert ended.stdout.split() == ["False", "True"], ended.stderr


def test_the_echo_of_a_triggers_status_is_no_news() -> None:
    news, key = TriggerNews(), Key(TRIGGER, "default", "route")
    assert news.is_news(key, "ADDED", a_body())
    assert not news.is_news(key, "MODIFIED", {**a_body(), "status": {"conditions": []}})
    assert news.is_news(key, None, a_body()), "before a list, events may have been missed"
    assert news.is_news(key, "MODIFIED", a_body(metadata={"generation": 9}))
    assert news.is_news(key, "MODIFIED", a_body(metadata={"generation": 9, "deletionTimestamp": "now"}))
    assert news.is_news(key, "DELETED", a_body())
    assert news.is_news(key, "ADDED", a_body()), "another one of that name"
