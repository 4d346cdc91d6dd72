"""Settings of the controller; the fields of `ProcessSettings` besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.settings.base import ProcessSettings, SettingError, setting

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_RUNTIMES_KEY: Final = "LAMBENT_RUNTIMES"
_RUNTIMES_ALLOWED: Final = (
    'a JSON object such as {"python3.11": {"image": "lambent/python3.11:0.1.0", "pullPolicy": "IfNotPresent"}}; '
    f"pullPolicy is {', '.join(PULL_POLICIES)}"
)


@dataclass(frozen=True, kw_only=True)
class ControllerSettings(ProcessSettings):
    """What a controller reads at its start."""

    runtimes: str = setting(_RUNTIMES_KEY, "{}", "Image (and pull policy) of each runtime that functions may name, as JSON.")
    cluster_domain: str = setting("LAMBENT_CLUSTER_DOMAIN", "cluster.local", "The cluster's DNS domain.")
    domain: str = setting("LAMBENT_DOMAIN", "", "Domain below which functions answer as NAME.NAMESPACE.DOMAIN; empty: in the cluster only.")
    region: str = setting("LAMBENT_REGION", "us-east-1", "Region in ARNs and in AWS_REGION.")
    activator_service: str = setting("LAMBENT_ACTIVATOR_SERVICE", "lambent-activator", "Service that functions' names lead to.")
    links_service: str = setting("LAMBENT_LINKS_SERVICE", "lambent-activator-links", "Headless Service that function pods dial.")
    links_port: int = setting("LAMBENT_LINK_PORT", 8081, "Port of the links.", low=1, high=65_535)
    image_pull_policy: str = setting(
        "LAMBENT_IMAGE_PULL_POLICY", "IfNotPresent", "When nodes pull the images of runtimes and functions.", choices=PULL_POLICIES
    )
    cpu_request_percent: int = setting(
        "LAMBENT_CPU_REQUEST_PERCENT", 100, "Share of Lambda's CPU for the memory that function pods request.", unit="%", low=1, high=100
    )
    workers: int = setting("LAMBENT_RECONCILE_WORKERS", 8, "Reconciles at once.", low=1, high=64)

    def validate(self) -> None:
        """Raises SettingError where the runtimes are not a map of images."""
        self.runtime_images()

    def runtime_images(self) -> Mapping[str, tuple[str, str]]:
        """Image and pull policy by runtime; a bare text is the image."""
        try:
            parsed = json.loads(self.runtimes)
        except ValueError:
            raise SettingError(_RUNTIMES_KEY, self.runtimes, _RUNTIMES_ALLOWED) from None
        if not isinstance(parsed, dict):
            raise SettingError(_RUNTIMES_KEY, self.runtimes, _RUNTIMES_ALLOWED)
        return {name: self._runtime_image(value) for name, value in parsed.items()}

    def _runtime_image(self, value: Any) -> tuple[str, str]:
        entry = {"image": value} if isinstance(value, str) else value
        if isinstance(entry, dict):
            image, policy = entry.get("image"), entry.get("pullPolicy", self.image_pull_policy)
            if isinstance(image, str) and image and policy in PULL_POLICIES:
                return image, policy
        raise SettingError(_RUNTIMES_KEY, self.runtimes, _RUNTIMES_ALLOWED)
