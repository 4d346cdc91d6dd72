"""Settings of the controller; the fields of `ProcessSettings` besides."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from lambent.settings import shared
from lambent.settings.base import ProcessSettings, SettingError, setting
from lambent.settings.pod_network import parse_pod_network, pod_network

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_RUNTIMES_KEY: Final = "LAMBENT_RUNTIMES"
_RUNTIMES_ALLOWED: Final = (
    'a JSON object such as {"python3.11": {"image": "lambent/python3.11:0.1.0", "pullPolicy": "IfNotPresent", "preload": ["json"]}}; '
    f"a name is lower-case letters, digits, '.' and '-', pullPolicy is {', '.join(PULL_POLICIES)}, preload a list of modules"
)
# A runtime's name is the value of a label of its pools.
_RUNTIME_NAME: Final = re.compile(r"[a-z]([a-z0-9.-]{0,61}[a-z0-9])?")
_MODULE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class RuntimeSetting(NamedTuple):
    """What is set of one runtime."""

    image: str
    pull_policy: str
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ControllerSettings(ProcessSettings):
    """What a controller reads at its start."""

    runtimes: str = setting(_RUNTIMES_KEY, "{}", "Image (and pull policy) of each runtime that functions may name, as JSON.")
    namespace_max_functions: int = shared.namespace_max_functions()
    namespace_max_triggers: int = shared.namespace_max_triggers()
    namespace_max_inline_megabytes: int = shared.namespace_max_inline_megabytes()
    namespace_changes_per_second: int = setting(
        "LAMBENT_NAMESPACE_CHANGES_PER_SECOND",
        2,
        "Of a namespace's Functions that were changed within the last minute, so many are looked at again a second; 0: all there are.",
        low=0,
        high=10_000,
    )
    cluster_domain: str = shared.cluster_domain()
    domain: str = shared.domain()
    region: str = setting("LAMBENT_REGION", "us-east-1", "Region in ARNs and in AWS_REGION.")
    activator_service: str = shared.activator_service()
    links_service: str = shared.links_service()
    lambda_api_service: str = shared.lambda_api_service()
    public_service: str = shared.public_service()
    links_port: int = setting("LAMBENT_LINK_PORT", 8081, "Port of the links.", low=1, high=65_535)
    image_pull_policy: str = setting(
        "LAMBENT_IMAGE_PULL_POLICY", "IfNotPresent", "When nodes pull the images of runtimes and functions.", choices=PULL_POLICIES
    )
    init_boost_millis: int = shared.init_boost_millis()
    cpu_request_percent: int = shared.cpu_request_percent()
    pool_size: int = setting(
        "LAMBENT_POOL_SIZE", 2, "Generic pods that a runtime's pool in a namespace is made with; 0: no pools.", low=0, high=100
    )
    pool_max_memory_mib: int = shared.pool_max_memory_mib()
    pool_cpu_request_millis: int = setting(
        "LAMBENT_POOL_CPU_REQUEST_MILLIS", 10, "CPU that a generic pod requests, in thousandths.", low=1, high=100_000
    )
    pool_memory_request_mib: int = setting(
        "LAMBENT_POOL_MEMORY_REQUEST_MIB", 48, "Memory that a generic pod requests.", unit="MiB", low=16, high=10_240
    )
    pod_network: str = pod_network()
    workers: int = setting("LAMBENT_RECONCILE_WORKERS", 8, "Reconciles at once.", low=1, high=64)

    def validate(self) -> None:
        """Raises SettingError where a JSON setting is not what it must be, or a generic pod requests more than it may have."""
        self.runtime_images()
        self.pod_network_fields()
        if self.pool_memory_request_mib > self.pool_max_memory_mib:
            allowed = f"a whole number up to LAMBENT_POOL_MAX_MEMORY_MIB ({self.pool_max_memory_mib})"
            raise SettingError("LAMBENT_POOL_MEMORY_REQUEST_MIB", str(self.pool_memory_request_mib), allowed)

    def runtime_images(self) -> Mapping[str, RuntimeSetting]:
        """What is set of each runtime; a bare text is the image."""
        try:
            parsed = json.loads(self.runtimes)
        except ValueError:
            raise SettingError(_RUNTIMES_KEY, self.runtimes, _RUNTIMES_ALLOWED) from None
        if not isinstance(parsed, dict):
            raise SettingError(_RUNTIMES_KEY, self.runtimes, _RUNTIMES_ALLOWED)
        return {name: self._runtime(name, value) for name, value in parsed.items()}

    def pod_network_fields(self) -> Mapping[str, Any]:
        """What is set of the network of function pods, by field of the controller's `PodNetwork`."""
        return parse_pod_network(self.pod_network)

    def _runtime(self, name: str, value: Any) -> RuntimeSetting:
        entry = {"image": value} if isinstance(value, str) else value
        if isinstance(entry, dict) and _RUNTIME_NAME.fullmatch(name):
            image, policy, preload = entry.get("image"), entry.get("pullPolicy", self.image_pull_policy), entry.get("preload", [])
            modules = isinstance(preload, list) and all(isinstance(item, str) and _MODULE.fullmatch(item) for item in preload)
            if isinstance(image, str) and image and policy in PULL_POLICIES and modules:
                return RuntimeSetting(image, policy, tuple(preload))
        raise SettingError(_RUNTIMES_KEY, self.runtimes, _RUNTIMES_ALLOWED)
