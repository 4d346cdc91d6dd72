"""Whatever the API server may hold of users' objects is parsed, planned and routed, or refused by name: never an error of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings

from lambent.activator.admission.model import FunctionKey
from lambent.activator.catalog.views import rules_of, target_of
from lambent.activator.cluster.watcher import keep_function, keep_grant, keep_trigger
from lambent.activator.pool.blueprint import BlueprintError, build_frame, find_references
from lambent.api.fields import InvalidSpecError
from lambent.api.functions.files import inline_files
from lambent.api.functions.function import Function, parse_function
from lambent.api.functions.pool import why_not_pooled
from lambent.api.functions.revision import revision_of
from lambent.api.triggers.trigger import Trigger, parse_trigger
from lambent.autoscaler.functions.views import view_function
from lambent.autoscaler.pools.views import view_user
from lambent.controller.function.children import Children
from lambent.controller.function.decision import decide, decide_invalid
from lambent.controller.function.observation import build_observed
from lambent.controller.trigger.decision import ObservedTrigger, decide_trigger
from lambent.controller.trigger.index import TriggerIndex
from tests.support.controller_world import INSTALLATION
from tests.support.examples_drawn import examples
from tests.support.gateway_world import GatewayWorld
from tests.support.schema_objects import JSON, anything, functions, triggers

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def follow_function(body: dict[str, Any]) -> None:
    """All that the three roles do with a Function before they write anything."""
    kept = keep_function(body)
    view_function(body)
    view_user(body, 2**30)
    try:
        function = parse_function(body)
    except InvalidSpecError as error:
        assert kept == ("default", "hello")
        decide_invalid(NOW, 1, body["status"], str(error))
        return
    assert isinstance(kept, Function)
    decide(NOW, build_observed(function, body, Children(), {}), INSTALLATION)
    rules_of(function, "" if why_not_pooled(function.spec, max_memory_bytes=2**30) else "python3.11")
    target_of(function)
    code = function.spec.code
    try:
        files = inline_files(code.inline if code is not None else {})
        build_frame(function, revision_of(function.spec, files.sha256), "us-east-1", files, dict.fromkeys(find_references(function), "v"))
    except (BlueprintError, InvalidSpecError):
        return


def follow_trigger(body: dict[str, Any]) -> None:
    """All that the controller and an activator do with a Trigger before they write anything."""
    kept = keep_trigger(body)
    try:
        trigger = parse_trigger(body)
    except InvalidSpecError:
        assert kept == ("default", "hello")
        return
    assert isinstance(kept, Trigger)
    index = TriggerIndex()
    index.put(trigger)
    claim = index.claims.find((trigger.namespace, trigger.name))
    refusal = index.claims.refusal(claim) if claim is not None else None
    status = body["status"] if isinstance(body["status"], dict) else {}
    plan = decide_trigger(NOW, ObservedTrigger(trigger, status, function_exists=True, refusal=refusal))
    world = GatewayWorld({})
    world.add_function()
    world.configuration.put_trigger(trigger)
    http = trigger.spec.http
    if http is not None and claim is not None:
        path = http.path.replace("{", "").replace("+", "").replace("}", "")
        world.request("GET", path, host=http.host or "127.0.0.1")
    world.configuration.remove_trigger(FunctionKey(trigger.namespace, trigger.name))
    assert plan.status is None or plan.status


@settings(max_examples=examples(100))
@given(functions())
def test_a_function_that_the_schema_lets_through_is_followed_or_refused(body: dict[str, Any]) -> None:
    follow_function(body)


@settings(max_examples=examples(100))
@given(triggers())
def test_a_trigger_that_the_schema_lets_through_is_followed_or_refused(body: dict[str, Any]) -> None:
    follow_trigger(body)


@settings(max_examples=examples(100))
@given(anything(functions()))
def test_a_function_that_an_older_schema_let_through_is_followed_or_refused(body: dict[str, Any]) -> None:
    follow_function(body)


@settings(max_examples=examples(100))
@given(anything(triggers()))
def test_a_trigger_that_an_older_schema_let_through_is_followed_or_refused(body: dict[str, Any]) -> None:
    follow_trigger(body)


@given(JSON, JSON)
def test_a_host_grant_is_read_or_ignored(hosts: Any, namespaces: Any) -> None:
    keep_grant({"metadata": {"name": "g"}, "spec": {"hosts": hosts, "namespaces": namespaces}})
