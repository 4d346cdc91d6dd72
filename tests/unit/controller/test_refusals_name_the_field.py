"""What the API server says of a pod it does not take, as recorded of Kubernetes 1.34, becomes a reason and the field to change."""

from __future__ import annotations

import pytest
import yaml

from lambent.api import conditions
from lambent.api.refusal import Bound, Rule, is_out_of_quota, parse_refusal
from lambent.controller.function.refusal_words import FUNCTION_FIELDS, POOL_FIELDS, diagnose_refusal, word_pool_refusal
from tests.support.controller_world import World
from tests.support.schemas import CHECKOUT, schema

POD = 'pods "hello-6d4cf56db6-x2x7k" is forbidden: '
FULL = (
    POD + "exceeded quota: small, requested: limits.memory=256Mi,pods=1,requests.cpu=72m, "
    "used: limits.memory=1152Mi,pods=0,requests.cpu=0, limited: limits.memory=1300Mi,pods=0,requests.cpu=10m"
)
NO_LIMIT = POD + "failed quota: cpu: must specify limits.cpu for: function"
BELOW = (
    'Pod "hello-1" is invalid: spec.containers[0].resources.requests: Invalid value: "72m": must be less than or equal to cpu limit of 50m'
)
RECORDED: list[tuple[str, str, list[str]]] = [
    (
        FULL,
        "QuotaExceeded",
        ["ResourceQuota small", "limits.memory=256Mi of 1300Mi", "spec.memory or spec.scaling.maxScale or spec.cpu.request"],
    ),
    (NO_LIMIT, "QuotaNeedsField", ["ResourceQuota cpu", "set spec.cpu.limit"]),
    (
        POD + "failed quota: disk: must specify limits.ephemeral-storage for: function; requests.ephemeral-storage for: function",
        "QuotaNeedsField",
        ["limits.ephemeral-storage", "requests.ephemeral-storage", "a LimitRange with a default"],
    ),
    (
        POD + "minimum cpu usage per Container is 100m, but request is 72m",
        "LimitRangeExceeded",
        ["set spec.cpu.request to at least 100m", "72m"],
    ),
    (
        POD + "[minimum cpu usage per Pod is 100m, but request is 72m, minimum memory usage per Pod is 512Mi, but request is 128Mi]",
        "LimitRangeExceeded",
        ["set spec.cpu.request to at least 100m", "set spec.memory to at least 512Mi"],
    ),
    (
        POD + "[maximum cpu usage per Pod is 1.  No limit is specified, maximum memory usage per Pod is 200Mi, but limit is 256Mi]",
        "LimitRangeExceeded",
        ["set spec.cpu.limit to at most 1 (limits.cpu; the pods have none", "set spec.memory to at most 200Mi", "spec.memory and 128Mi"],
    ),
    (
        POD + "maximum cpu usage per Container is 500m, but limit is 1",
        "LimitRangeExceeded",
        ["set spec.cpu.limit to at most 500m", "functions.initBoostMillis"],
    ),
    (
        POD + "memory max limit to request ratio per Container is 1, but provided ratio is 2.000000",
        "LimitRangeExceeded",
        ["1 times the request", "the more spec.memory"],
    ),
    (
        POD + "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
        "LimitRangeExceeded",
        ["is no bound; set spec.cpu.limit and spec.cpu.request"],
    ),
    (
        BELOW,
        "LimitRangeExceeded",
        ["default limit of cpu, 50m", "set spec.cpu.limit to 72m or more, or set spec.cpu.request to 50m or less"],
    ),
    (
        POD + 'error looking up service account rec/nobody: serviceaccount "nobody" not found',
        "PodsRefused",
        ["spec.serviceAccountName", "'nobody'"],
    ),
    (POD + 'pod rejected: RuntimeClass "gvisor" not found', "PodsRefused", ["spec.runtimeClassName", "'gvisor'"]),
    (
        POD + 'violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set securityContext.runAsNonRoot=true)',
        "PodsRefused",
        ["Pod Security level", "runAsNonRoot"],
    ),
    (
        "The pods \"hello-1\" is invalid: : ValidatingAdmissionPolicy 'images' with binding 'b' denied request: images must come from ours",
        "PodsRefused",
        ["admission rule images", "must come from ours"],
    ),
    (
        'Internal error occurred: failed calling webhook "check.example": failed to call webhook: Post "https://x": connection refused',
        "PodsRefused",
        ["admission rule check.example", "connection refused"],
    ),
    ('admission webhook "check.example" denied the request: exceeded quota: of ours', "PodsRefused", ["check.example", "of ours"]),
    (POD + "something new", "PodsRefused", ["something new"]),
]


@pytest.mark.parametrize(("message", "reason", "words"), RECORDED, ids=[message[:90] for message, _, _ in RECORDED])
def test_a_refusal_names_its_rule_and_the_field_to_change(message: str, reason: str, words: list[str]) -> None:
    problem = diagnose_refusal(message)

    assert problem.reason == reason
    assert [part for part in words if part not in problem.message] == [], problem.message


def test_the_words_stay_the_same_while_the_same_is_refused() -> None:
    # Each try of a ReplicaSet has a name of its own, and the quota's other users come and go.
    again = FULL.replace("x2x7k", "9qzp4").replace("used: limits.memory=1152Mi", "used: limits.memory=1280Mi")

    assert diagnose_refusal(FULL) == diagnose_refusal(again)


def test_only_want_of_room_is_helped_by_giving_way() -> None:
    assert is_out_of_quota(FULL)
    assert [message for message, _, _ in RECORDED if is_out_of_quota(message)] == [FULL]


def test_bounds_are_read_as_data() -> None:
    refusal = parse_refusal(FULL)

    assert (refusal.rule, refusal.name) == (Rule.QUOTA, "small")
    assert refusal.bounds[0] == Bound("limits.memory", "256Mi", "1300Mi")
    assert parse_refusal(POD + "minimum cpu usage per Pod is 1, but request is 72m").bounds == (Bound("requests.cpu", "72m", "1", "min"),)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (FULL, ["functions start without a generic pod", "ResourceQuota small", "pools.maxMemoryMiB or pools.size"]),
        (NO_LIMIT, ["ResourceQuota cpu", "limits.cpu", "a LimitRange with a default for limits.cpu lets them in"]),
        (POD + "minimum cpu usage per Container is 100m, but request is 10m", ["set pools.cpuRequestMillis to at least 100m"]),
    ],
)
def test_a_pools_refusal_names_the_charts_value(message: str, words: list[str]) -> None:
    assert [part for part in words if part not in word_pool_refusal(message)] == [], word_pool_refusal(message)


@pytest.mark.parametrize("kind", ["Deployment", "ConfigMap", "Service"])
def test_a_quota_on_objects_is_a_quota_too(kind: str) -> None:
    text = f'{kind.lower()}s "hello" is forbidden: exceeded quota: objs, requested: count/x=1, used: count/x=3, limited: count/x=3'
    world = World()
    world.refused = {kind: text}

    world.settle()

    assert world.condition("Ready") == ("False", conditions.REASON_QUOTA_EXCEEDED)
    assert f"the function's {kind}" in world.message()


def test_a_field_that_the_api_server_cannot_use_is_the_specs_fault() -> None:
    assert diagnose_refusal('Deployment "hello" is invalid: spec.x: no', "Deployment").reason == conditions.REASON_INVALID_SPEC


def test_every_field_that_is_named_exists() -> None:
    spec = schema("functions")["properties"]["spec"]
    values = yaml.safe_load((CHECKOUT / "charts" / "lambent" / "values.yaml").read_text())

    for field in FUNCTION_FIELDS.values():
        found = spec
        for part in field.removeprefix("spec.").split("."):
            found = found["properties"][part]
    for value in POOL_FIELDS.values():
        assert value.removeprefix("pools.") in values["pools"]
