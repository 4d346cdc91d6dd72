"""Whether a live object still is what was built: the parts that Lambent owns are compared, the rest is other people's.

Owned are the labels and the owner reference, and a kind's spec but for fields that others drive (a Deployment's `replicas`). A part
that differs is put right by a JSON patch (RFC 6902) that names the object's uid, so that a newer object of that name is left alone.
A webhook may rewrite what was written; what the API server answered to the last write is remembered as `Accepted`, so that the
rewriting is not fought for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Manifest = Mapping[str, Any]

_OWNED_SPEC: Final[dict[str, tuple[str, ...]]] = {
    "Deployment": ("strategy", "revisionHistoryLimit", "progressDeadlineSeconds", "template"),
    "Service": ("type", "externalName", "sessionAffinity"),
    "NetworkPolicy": ("podSelector", "policyTypes", "ingress", "egress"),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Fingerprints of the last write: what was built, and what the API server made of it."""

    built: str
    live: str


def fingerprint(part: object) -> str:
    """A short hash of a JSON value."""
    return hashlib.sha256(json.dumps(part, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def owned_part(built: Manifest, live: Manifest) -> dict[str, Any]:
    """The parts of `live` that `built` speaks of."""
    metadata = live.get("metadata") or {}
    labels = metadata.get("labels") or {}
    spec = live.get("spec") or {}
    part: dict[str, Any] = {
        "labels": {key: labels.get(key) for key in built["metadata"]["labels"]},
        "ownerReferences": metadata.get("ownerReferences") or [],
    }
    for name in _OWNED_SPEC[built["kind"]]:
        part[name] = _or_absent(spec.get(name))
    if "template" in part:
        part["template"] = _owned_template(part["template"] or {})
    return part


def _or_absent(value: Any) -> Any:
    # The API server leaves empty lists out.
    return None if value == [] else value


def _owned_template(template: Mapping[str, Any]) -> dict[str, Any]:
    # Annotations are other people's: `kubectl rollout restart` works by one.
    return {"labels": (template.get("metadata") or {}).get("labels") or {}, "spec": template.get("spec") or {}}


def accept(built: Manifest, answered: Manifest) -> Accepted:
    """What to remember of a write."""
    return Accepted(fingerprint(owned_part(built, built)), fingerprint(owned_part(built, answered)))


def has_drifted(built: Manifest, live: Manifest, accepted: Accepted | None) -> bool:
    """Whether `live` must be written again."""
    wanted, found = owned_part(built, built), owned_part(built, live)
    if wanted == found:
        return False
    return accepted is None or accepted != Accepted(fingerprint(wanted), fingerprint(found))


def build_repair(built: Manifest, live: Manifest) -> list[dict[str, Any]]:
    """The JSON patch that puts the owned parts of `live` right."""
    metadata = live.get("metadata") or {}
    operations: list[dict[str, Any]] = [{"op": "test", "path": "/metadata/uid", "value": metadata.get("uid")}]
    if metadata.get("labels") is None:
        operations.append({"op": "add", "path": "/metadata/labels", "value": {}})
    for key, value in built["metadata"]["labels"].items():
        if (metadata.get("labels") or {}).get(key) != value:
            operations.append({"op": "add", "path": f"/metadata/labels/{_escape(key)}", "value": value})
    if (metadata.get("ownerReferences") or []) != built["metadata"]["ownerReferences"]:
        operations.append({"op": "add", "path": "/metadata/ownerReferences", "value": built["metadata"]["ownerReferences"]})
    for name in _OWNED_SPEC[built["kind"]]:
        wanted, found = built["spec"][name], (live.get("spec") or {}).get(name)
        if name == "template":
            annotations = ((found or {}).get("metadata") or {}).get("annotations")
            if annotations:
                wanted = {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}
        if _or_absent(wanted) != _or_absent(found):
            operations.append({"op": "add", "path": f"/spec/{name}", "value": wanted})
    return operations


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
