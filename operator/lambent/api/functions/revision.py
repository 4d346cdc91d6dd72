"""What makes two states of a Function the same revision: a hash over what the user wrote of its pod.

Scaling, URL and asynchronous settings are not part of it, so that changing them starts no pod; nor is the version of the runtime
image, which belongs to the platform. Equal specs give equal revisions on every version of Python and of Lambent: the encoding below
must not change without a note in the upgrade guide, since every function would be proved anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lambent.api.functions.function import MIN_STORAGE, FunctionSpec

REVISION_LENGTH = 10


def code_digest(files: Mapping[str, bytes]) -> bytes:
    """SHA-256 over paths and contents, whatever their order; lengths keep one file's end apart from the next one's start."""
    digest = hashlib.sha256()
    for path in sorted(files):
        name = path.encode()
        digest.update(b"%d %d\n" % (len(name), len(files[path])))
        digest.update(name)
        digest.update(files[path])
    return digest.digest()


def code_sha256(files: Mapping[str, bytes]) -> str:
    """The digest as `status.codeSha256` shows it: base64, as Lambda's CodeSha256."""
    return base64.b64encode(code_digest(files)).decode()


def revision_of(spec: FunctionSpec, code: str) -> str:
    """Ten hex digits for the pod that `spec` asks for with code of the digest `code` (any stable text; empty for code in an image)."""
    identity: dict[str, Any] = {
        "runtime": spec.runtime,
        "image": spec.image,
        "imagePullSecrets": spec.image_pull_secrets,
        "handler": spec.handler,
        "code": code,
        "memory": spec.memory_bytes,
        "timeout": spec.timeout_seconds,
        "concurrency": spec.concurrency,
        "env": [variable.to_dict() for variable in spec.env],
        "logging": asdict(spec.logging),
        "serviceAccountName": spec.service_account_name,
        "runtimeClassName": spec.runtime_class_name,
        "nodeSelector": dict(spec.node_selector),
        "tolerations": [toleration.to_dict() for toleration in spec.tolerations],
        "volumes": [[volume.name, volume.mount_path, volume.read_only, dict(volume.source)] for volume in spec.volumes],
        "cpuLimit": spec.cpu_limit_millis,
    }
    if spec.cpu_request_millis is not None:
        # Only where it is set: revisions of before the field are what they were.
        identity["cpuRequest"] = spec.cpu_request_millis
    if spec.ephemeral_storage_bytes != MIN_STORAGE:
        identity["ephemeralStorage"] = spec.ephemeral_storage_bytes
    if spec.sharing != "auto":  # a field that came later leaves the revisions there were
        identity["sharing"] = spec.sharing
    encoded = json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(encoded).hexdigest()[:REVISION_LENGTH]
