"""The folders that a function may write to: what its shim holds them to, and the limits above that at which Kubernetes would act. Pure.

The kubelet evicts a pod for a folder that is too large, and the kernel ends a container for memory: both hit every invocation in the pod.
So the shim is told the sizes, and volumes get room beyond them in which it can act (docs/runtime-contract.md, "Storage").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.api.functions.function import MIN_STORAGE, FunctionSpec
from lambent.api.quantity import MIB, format_bytes, parse_bytes

TMP: Final = "/tmp"  # noqa: S108 - Lambda's writable folder
ROOM_BYTES: Final = 512 * MIB
"""What may be written to a folder beyond its size before the shim has ended the writer."""


def tmp_size_limit(storage_bytes: int = MIN_STORAGE) -> str:
    """The sizeLimit of /tmp's volume."""
    return format_bytes(storage_bytes + ROOM_BYTES)


def scratch_fields(spec: FunctionSpec | None = None) -> dict[str, Any]:
    """The shim's fields `storage` and `memoryFolders`; those of a generic pod without a spec."""
    size = MIN_STORAGE if spec is None else spec.ephemeral_storage_bytes
    storage = [{"path": TMP, "sizeMiB": size // MIB, "field": "spec.ephemeralStorage"}]
    in_memory = []
    for index, volume in enumerate(spec.volumes if spec is not None else ()):
        empty = volume.source.get("emptyDir")
        if empty is None or volume.read_only:
            continue
        limit = _read_limit(empty)
        if empty.get("medium") == "Memory":
            in_memory.append(volume.mount_path)
        elif limit is not None and limit >= MIB:
            storage.append({"path": volume.mount_path, "sizeMiB": limit // MIB, "field": f"spec.volumes[{index}].emptyDir.sizeLimit"})
    return {"storage": storage} | ({"memoryFolders": in_memory} if in_memory else {})


def size_volume(source: Mapping[str, Any], memory_bytes: int) -> dict[str, Any]:
    """A volume's source as the pod has it: room beyond a size on disk; what is kept in memory is within the function's memory."""
    empty = source.get("emptyDir")
    if empty is None:
        return dict(source)
    limit = _read_limit(empty)
    if empty.get("medium") == "Memory":
        return {"emptyDir": {**empty, "sizeLimit": format_bytes(memory_bytes if limit is None else min(limit, memory_bytes))}}
    return {"emptyDir": dict(empty) if limit is None else {**empty, "sizeLimit": format_bytes(limit + ROOM_BYTES)}}


def _read_limit(empty: Mapping[str, Any]) -> int | None:
    """Bytes; None where there is none, or none that can be read, which the API server refuses by itself."""
    try:
        return parse_bytes(empty["sizeLimit"])
    except (KeyError, ValueError, ArithmeticError):
        return None
