"""What a shim is told of its function, in LAMBENT_SHIM or by BECOME, and what its container is given. Pure.

Fields and meaning: docs/runtime-contract.md.
"""

from __future__ import annotations

from typing import Any, Final

from lambent.api.functions.function import LATEST, Function, FunctionSpec
from lambent.api.names import function_arn
from lambent.api.quantity import MIB, cpu_millis_from_memory, format_bytes

SHIM_VARIABLE: Final = "LAMBENT_SHIM"
"""The variable of a pod's container that holds it."""
SHIM_MEMORY_BYTES: Final = 128 * MIB
"""The shim's own share, on top of the function's memory, in the container's limit."""


def function_fields(function: Function, revision: str, region: str) -> dict[str, Any]:
    """The fields that make a shim this function's."""
    spec = function.spec
    return {
        "namespace": function.namespace,
        "function": function.name,
        "revision": revision,
        "runtime": spec.runtime or "",
        "handler": spec.handler,
        "version": LATEST,
        "timeoutSeconds": spec.timeout_seconds,
        "memoryMiB": spec.memory_mib,
        "concurrency": spec.concurrency,
        "region": region,
        "arn": function_arn(function.name, function.namespace, region),
        "logging": _logging(spec),
        "variables": [variable.name for variable in spec.env],
        "sharing": spec.sharing,
        "serviceAccount": spec.service_account_name is not None,
    }


def _logging(spec: FunctionSpec) -> dict[str, str]:
    logging = spec.logging
    if logging.format == "Text":
        return {"format": "Text"}
    return {"format": logging.format, "applicationLevel": logging.application_level, "systemLevel": logging.system_level}


def build_resources(spec: FunctionSpec, cpu_request_percent: int, *, boost_millis: int = 0) -> dict[str, Any]:
    """CPU as the Function asks, else as Lambda gives it for the memory, by the installation's share; memory with the shim's share as limit.

    `boost_millis`: what a limit of CPU is raised to while the function initialises.
    """
    cpu = spec.cpu_request_millis
    if cpu is None:
        cpu = max(1, cpu_millis_from_memory(spec.memory_bytes) * cpu_request_percent // 100)
    limits = {"memory": format_bytes(spec.memory_bytes + SHIM_MEMORY_BYTES)}
    if spec.cpu_limit_millis is not None:
        limits["cpu"] = format_cpu(max(spec.cpu_limit_millis, boost_millis))
        cpu = min(cpu, spec.cpu_limit_millis)
    return {"requests": {"cpu": format_cpu(cpu), "memory": format_bytes(spec.memory_bytes)}, "limits": limits}


def is_boosted(spec: FunctionSpec, boost_millis: int) -> bool:
    """Whether its pods start with a higher limit of CPU than they keep."""
    return spec.cpu_limit_millis is not None and spec.cpu_limit_millis < boost_millis


def format_cpu(millis: int) -> str:
    """As the API server writes it: `2`, `500m`."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"
