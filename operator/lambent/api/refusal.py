"""What the API server says when it refuses an object for a rule of its namespace, read into data. Pure.

Texts: Kubernetes `plugin/pkg/admission/resourcequota`, `limitranger` and `serviceaccount` beside it, `pkg/apis/core/validation` (invalid
objects), `k8s.io/pod-security-admission`, and the admission webhooks' and policies' own. They are no contract of Kubernetes, so what is not
recognized is `Rule.OTHER`, with its words kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Rule(Enum):
    """Which kind of rule it was."""

    QUOTA = "a ResourceQuota has no room"
    UNSPECIFIED = "a ResourceQuota counts what the pod does not say"
    LIMIT_RANGE = "a LimitRange bounds it"
    ABOVE_LIMIT = "a request is above a limit, which a LimitRange has set by default"
    POD_SECURITY = "Pod Security admission"
    WEBHOOK = "an admission webhook, which has denied it or does not answer"
    POLICY = "a ValidatingAdmissionPolicy"
    SERVICE_ACCOUNT = "a service account that is not there"
    RUNTIME_CLASS = "a RuntimeClass that is not there"
    OTHER = "anything else"


@dataclass(frozen=True, slots=True)
class Bound:
    """One resource that a rule is about, as quotas name it: `limits.cpu`, `requests.memory`, `pods`."""

    resource: str
    asked: str = ""
    """What the object has; empty where it has none."""
    allowed: str = ""
    side: str = "max"
    """`min`, `max`, or `ratio` (of limit to request)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: the rule, its name where it has one, what it bounds, and the words without the object's name."""

    rule: Rule
    text: str
    name: str = ""
    bounds: tuple[Bound, ...] = ()


_OBJECT: Final = re.compile(r'^(?:The )?[A-Za-z.]+ "[^"]*" is (?:forbidden|invalid): (?:: )?')
"""ReplicaSets try again under new names: kept, each try would be news."""
_QUOTA: Final = re.compile(r"exceeded quota: ([^\s,]+)(?:, requested: (\S+), used: \S+, limited: (\S+))?")
_UNSPECIFIED: Final = re.compile(r"failed quota: (\S+): must specify (.+)")
_RANGE: Final = re.compile(
    r"(minimum|maximum) (\S+) usage per (?:Container|Pod) is (\S+?)"
    r"(?:, but (limit|request) is ([^\s,\]]+)|\.\s+No (limit|request) is specified)"
)
_RATIO: Final = re.compile(
    r"(\w[\w./-]*) max limit to request ratio per (?:Container|Pod) is ([^\s,]+), but "
    r"(?:provided ratio is ([^\s,\]]+)|no (?:limit|request) is specified or (?:limit|request) is 0)"
)
_ABOVE_LIMIT: Final = re.compile(r'resources\.requests: Invalid value: "([^"]+)": must be less than or equal to (\S+) limit of ([^\s,\]]+)')
_POLICY: Final = re.compile(r"ValidatingAdmissionPolicy '([^']+)'")
_WEBHOOK: Final = re.compile(r'(?:admission webhook|failed calling webhook) "([^"]+)"')
_SERVICE_ACCOUNT: Final = re.compile(r"error looking up service account [^/\s]+/([^:\s]+)")
_RUNTIME_CLASS: Final = re.compile(r'RuntimeClass "([^"]+)" not found')
_WITH_NAME: Final = (
    (Rule.POLICY, _POLICY),
    (Rule.WEBHOOK, _WEBHOOK),
    (Rule.SERVICE_ACCOUNT, _SERVICE_ACCOUNT),
    (Rule.RUNTIME_CLASS, _RUNTIME_CLASS),
)


def is_out_of_quota(message: str) -> bool:
    """Whether it is refused for want of room in a quota: what others give up helps."""
    return parse_refusal(message).rule is Rule.QUOTA


def parse_refusal(message: str) -> Refusal:
    """Read the API server's words."""
    text = _OBJECT.sub("", message.strip())
    # Others' words come first: what a webhook says may hold anything.
    for rule, pattern in _WITH_NAME:
        found = pattern.search(text)
        if found is not None:
            return Refusal(rule, text, found.group(1))
    if "violates PodSecurity" in text:
        return Refusal(Rule.POD_SECURITY, text)
    return _parse_quota(text) or _parse_range(text) or Refusal(Rule.OTHER, text)


def _parse_quota(text: str) -> Refusal | None:
    found = _QUOTA.search(text)
    if found is not None:
        limited = _parse_amounts(found.group(3) or "")
        bounds = [Bound(resource, asked, limited.get(resource, "")) for resource, asked in _parse_amounts(found.group(2) or "").items()]
        return Refusal(Rule.QUOTA, text, found.group(1), tuple(bounds))
    found = _UNSPECIFIED.search(text)
    if found is None:
        return None
    # `limits.cpu for: function; limits.memory for: function`, or `limits.cpu,limits.memory` in older versions.
    named = re.findall(r"(?:^|[,;]\s*)([a-z][\w./-]*)(?= for:|[,;]|$)", found.group(2))
    return Refusal(Rule.UNSPECIFIED, text, found.group(1), tuple(Bound(resource) for resource in dict.fromkeys(named)))


def _parse_range(text: str) -> Refusal | None:
    bounds = [
        Bound(f"{said or unsaid}s.{resource}", asked or "", allowed, "min" if side == "minimum" else "max")
        for side, resource, allowed, said, asked, unsaid in _RANGE.findall(text)
    ]
    bounds += [Bound(resource, asked, allowed, "ratio") for resource, allowed, asked in _RATIO.findall(text)]
    if bounds:
        return Refusal(Rule.LIMIT_RANGE, text, bounds=tuple(bounds))
    above = [Bound(f"requests.{resource}", asked, allowed) for asked, resource, allowed in _ABOVE_LIMIT.findall(text)]
    return Refusal(Rule.ABOVE_LIMIT, text, bounds=tuple(above)) if above else None


def _parse_amounts(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(","))
    return {resource: amount for resource, separator, amount in pairs if separator}
