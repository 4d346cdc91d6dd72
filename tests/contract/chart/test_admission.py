"""The admission policies say something of every write that RBAC grants, and of nobody else's."""

import importlib
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.chart import NAMESPACE, ROLES, find, render, rendered_by_default

OPERATIONS = {"create": "CREATE", "update": "UPDATE", "patch": "UPDATE", "delete": "DELETE"}
HARMLESS = {
    ("authentication.k8s.io", "tokenreviews"): "asks whose a token is, and stores nothing",
    ("lambent.dev", "functions/finalizers"): "no call is made",
}
"""What may be written and is not looked at, and why."""
OWN_STATUS = {("lambent.dev", "functions/status"), ("lambent.dev", "triggers/status")}
"""The controller's to write as a whole."""


def policy_of(role: str) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered_by_default(), "ValidatingAdmissionPolicy", f"lambent-{role}")["spec"]
    return spec


def looked_at(role: str) -> set[tuple[str, str, str]]:
    """(API group, resource, operation)."""
    return {
        (group, resource, operation)
        for rule in policy_of(role)["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for operation in rule["operations"]
    }


def writes_of(role: str) -> set[tuple[str, str, str]]:
    module = importlib.import_module(f"lambent.{role}.permissions")
    granted: list[Mapping[tuple[str, str], frozenset[str]]] = [module.CLUSTER, module.OWN_NAMESPACE]
    unseen = HARMLESS.keys() | (OWN_STATUS if role == "controller" else set())
    return {
        (group, resource, OPERATIONS[verb])
        for permissions in granted
        for (group, resource), verbs in permissions.items()
        for verb in verbs
        if verb in OPERATIONS and (group, resource) not in unseen
    }


@pytest.mark.parametrize("role", ROLES)
def test_every_write_that_is_granted_is_looked_at(role: str) -> None:
    assert writes_of(role) - looked_at(role) == set()


@pytest.mark.parametrize("role", ROLES)
def test_requests_of_others_are_let_through_unseen(role: str) -> None:
    (condition,) = policy_of(role)["matchConditions"]
    account = find(rendered_by_default(), "ServiceAccount", f"lambent-{role}")["metadata"]

    assert condition["expression"] == f"request.userInfo.username == 'system:serviceaccount:{account['namespace']}:{account['name']}'"


@pytest.mark.parametrize("name", [*ROLES, "functions"])
def test_a_policy_is_in_force_and_lets_nothing_through_where_it_fails(name: str) -> None:
    binding = find(rendered_by_default(), "ValidatingAdmissionPolicyBinding", f"lambent-{name}")["spec"]

    assert binding == {"policyName": f"lambent-{name}", "validationActions": ["Deny"]}
    assert policy_of(name)["failurePolicy"] == "Fail"


@pytest.mark.parametrize("name", [*ROLES, "functions"])
def test_every_rule_says_to_people_what_is_wrong(name: str) -> None:
    assert [rule for rule in policy_of(name)["validations"] if not (rule.get("message") or rule.get("messageExpression"))] == []


def test_the_control_planes_own_namespace_is_always_protected() -> None:
    rules = [rule["expression"] for rule in policy_of("controller")["validations"]]
    none = find(render("--set-json=admissionPolicy.protectedNamespaces=[]"), "ValidatingAdmissionPolicy", "lambent-controller")

    assert any(f"'{NAMESPACE}'" in rule and "'kube-system'" in rule for rule in rules)
    assert any(f"request.namespace in ['{NAMESPACE}', ]" in rule["expression"] for rule in none["spec"]["validations"])


def test_policies_can_be_left_to_another_tool() -> None:
    assert [item for item in render("--set=admissionPolicy.enabled=false") if item["kind"].startswith("ValidatingAdmission")] == []


def test_people_who_may_edit_a_namespace_may_edit_its_functions() -> None:
    view, edit = (find(rendered_by_default(), "ClusterRole", f"lambent-{name}") for name in ("view", "edit"))

    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {resource for rule in edit["rules"] for resource in rule["resources"]} == {"functions", "triggers", "functions/scale"}
    assert [item for item in render("--set=userRoles=false") if item["metadata"]["name"] in ("lambent-view", "lambent-edit")] == []
