"""The roles that Helm installs hold exactly the verbs that each process says it uses."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.chart import NAMESPACE, ROLES, find, rendered_by_default

Permissions = Mapping[tuple[str, str], frozenset[str]]


def granted(rules: list[dict[str, Any]]) -> dict[tuple[str, str], frozenset[str]]:
    """Verbs by (API group, resource)."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for rule in rules:
        assert set(rule) == {"apiGroups", "resources", "verbs"}, "no rule by resource name or URL"
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found[group, resource] = found.get((group, resource), frozenset()) | frozenset(rule["verbs"])
    return found


def bindings() -> Iterator[dict[str, Any]]:
    return (item for item in rendered_by_default() if item["kind"] in ("RoleBinding", "ClusterRoleBinding"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("kind", "attribute"), [("ClusterRole", "CLUSTER"), ("Role", "OWN_NAMESPACE")])
def test_a_role_may_do_what_its_process_uses_and_nothing_else(role: str, kind: str, attribute: str) -> None:
    used: Permissions = getattr(importlib.import_module(f"lambent.{role}.permissions"), attribute)
    rules = find(rendered_by_default(), kind, f"lambent-{role}")["rules"]

    assert granted(rules) == dict(used)


def test_nothing_is_granted_by_a_wildcard() -> None:
    rules = [rule for item in rendered_by_default() if item["kind"] in ("Role", "ClusterRole") for rule in item["rules"]]

    assert [rule for rule in rules if "*" in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]] == []


def test_nobody_may_read_secrets() -> None:
    rules = [rule for item in rendered_by_default() if item["kind"] in ("Role", "ClusterRole") for rule in item["rules"]]

    assert [rule for rule in rules if "secrets" in rule["resources"]] == []


def test_each_service_account_has_its_own_roles_only() -> None:
    found = {
        (item["kind"], item["roleRef"]["name"]): [(subject["name"], subject["namespace"]) for subject in item["subjects"]]
        for item in bindings()
    }

    assert found == {
        (kind, f"lambent-{role}"): [(f"lambent-{role}", NAMESPACE)] for role in ROLES for kind in ("RoleBinding", "ClusterRoleBinding")
    }
