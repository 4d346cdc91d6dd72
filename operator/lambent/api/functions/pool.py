"""Which Functions may take a pod from a pool: a generic pod that has the runtime's image and nothing of theirs. Pure.

The rest of the conditions (whether the activator has the code and may read what `valueFrom` names) shows when a pod is taken; see
docs/decisions/0007-the-warm-pool.md, "Who may take a pool pod".
"""

from __future__ import annotations

from typing import Final

from lambent.api.functions.function import MIN_STORAGE, FunctionSpec
from lambent.api.quantity import format_bytes

CODE_SOURCES: Final = ("inline", "configMap")
"""Code that an activator can send to a pod."""
VALUE_SOURCES: Final = ("secretKeyRef", "configMapKeyRef")
"""Environment whose value an activator can look up; the others are known to the kubelet of the pod alone."""


def why_not_pooled(spec: FunctionSpec, *, max_memory_bytes: int) -> str:
    """Which field keeps a Function on pods of its own, and why; empty where it may take one of the pool.

    `max_memory_bytes` is the largest memory of a function that the pool's pods leave room for.
    """
    if spec.runtime is None:
        return "spec.image: a pool's pods run the images of runtimes"
    set_fields = {
        "spec.imagePullSecrets": spec.image_pull_secrets,
        "spec.serviceAccountName": spec.service_account_name,
        "spec.runtimeClassName": spec.runtime_class_name,
        "spec.nodeSelector": spec.node_selector,
        "spec.tolerations": spec.tolerations,
        "spec.volumes": spec.volumes,
        "spec.layers": spec.layers,
        "spec.requirements": spec.requirements,
        "spec.cpu.limit": spec.cpu_limit_millis,
    }
    unlike = next((name for name, value in set_fields.items() if value), None)
    if unlike is not None:
        return f"{unlike}: a pool's pods are started without"
    if spec.memory_bytes > max_memory_bytes:
        return f"spec.memory: {format_bytes(spec.memory_bytes)} is more than the {format_bytes(max_memory_bytes)} of a pool's pods"
    if spec.ephemeral_storage_bytes > MIN_STORAGE:
        return f"spec.ephemeralStorage: a pool's pods have {format_bytes(MIN_STORAGE)}"
    source = spec.code.source if spec.code is not None else None
    if source not in CODE_SOURCES:
        return f"spec.code: {source or 'nothing'} cannot be sent to a pod; {' and '.join(CODE_SOURCES)} can"
    return _why_not_env(spec)


def _why_not_env(spec: FunctionSpec) -> str:
    for variable in spec.env:
        unknown = [name for name, source in (variable.value_from or {}).items() if source is not None and name not in VALUE_SOURCES]
        if unknown:
            return f"spec.env ({variable.name}): {unknown[0]} is known only to the pod that was started with it"
    return ""
