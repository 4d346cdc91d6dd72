"""Every rule has a message, everything that rules look at is bounded, and names are as documented."""

from __future__ import annotations

import pytest

from tests.support.schemas import definition, schema, version, walk

PLURALS = ["functions", "triggers", "hostgrants"]


@pytest.mark.parametrize("plural", PLURALS)
def test_every_rule_has_a_message_of_one_line_that_names_what_to_do(plural: str) -> None:
    rules = [(path, rule) for path, node in walk(schema(plural)) for rule in node.get("x-kubernetes-validations", [])]

    assert rules
    for path, rule in rules:
        assert rule.get("message"), f"{path}: {rule['rule']}"
        assert "\n" not in rule["message"]
        words = rule["message"].lower()
        assert any(word in words for word in ("must", "give", "need", "use", "at most", "reserved", "either", "more than")), rule["message"]


@pytest.mark.parametrize("plural", PLURALS)
def test_whatever_users_write_is_bounded(plural: str) -> None:
    """The API server estimates what a rule costs from these, and refuses definitions that may cost too much."""
    for path, node in walk(schema(plural)):
        if not path.startswith("spec."):
            continue
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if isinstance(node.get("additionalProperties"), dict):
            assert "maxProperties" in node, path


@pytest.mark.parametrize("plural", PLURALS)
def test_unknown_fields_are_not_kept_but_in_sources_that_come_later(plural: str) -> None:
    loose = {path for path, node in walk(schema(plural)) if node.get("x-kubernetes-preserve-unknown-fields")}

    assert all(path == "spec.filter[]" or path.count(".") == 1 for path in loose), loose
    assert plural == "triggers" or not loose


@pytest.mark.parametrize(("plural", "short"), [("functions", "fn"), ("triggers", "trg"), ("hostgrants", "hg")])
def test_names_are_as_documented(plural: str, short: str) -> None:
    spec = definition(plural)["spec"]

    assert definition(plural)["metadata"]["name"] == f"{plural}.lambent.dev"
    of_a_namespace = plural != "hostgrants"
    assert (spec["group"], spec["scope"], version(plural)["name"]) == ("lambent.dev", spec["scope"], "v1alpha1")
    assert spec["scope"] == ("Namespaced" if of_a_namespace else "Cluster")
    assert spec["names"]["shortNames"] == [short]
    # A grant is no tenant's to see among its own things, and nobody writes a status of it.
    assert spec["names"].get("categories", []) == (["lambent"] if of_a_namespace else [])
    assert ("status" in version(plural).get("subresources", {})) == of_a_namespace


@pytest.mark.parametrize("plural", PLURALS)
def test_every_field_a_user_writes_says_what_it_is(plural: str) -> None:
    spec = schema(plural)["properties"]["spec"]
    for name, node in spec["properties"].items():
        assert node.get("description"), f"spec.{name}"
