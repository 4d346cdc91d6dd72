"""Settings of the autoscaler; the fields of `ProcessSettings` besides. What differs between functions is in their `spec.scaling`."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.settings import shared
from lambent.settings.base import ProcessSettings, SettingError, setting


@dataclass(frozen=True, kw_only=True)
class AutoscalerSettings(ProcessSettings):
    """What an autoscaler reads at its start."""

    statistics_port: int = setting("LAMBENT_STATISTICS_PORT", 8083, "Port that activators push to; 0 takes a free one.", low=0, high=65_535)
    activator_service_account: str = setting(
        "LAMBENT_ACTIVATOR_SERVICE_ACCOUNT", "lambent-activator", "Service account, in this namespace, that may push statistics."
    )
    max_scale_up_rate: float = setting(
        "LAMBENT_MAX_SCALE_UP_RATE", 1000.0, "At most so many times the ready pods at once.", low=1.01, high=1_000_000
    )
    max_scale_down_rate: float = setting(
        "LAMBENT_MAX_SCALE_DOWN_RATE", 2.0, "At least the ready pods divided by this stay at once.", low=1.01, high=1_000_000
    )
    scale_down_delay_seconds: float = setting(
        "LAMBENT_SCALE_DOWN_DELAY_SECONDS", 0.0, "How long a lower scale must be desired before it is applied.", unit="s", low=0, high=3600
    )
    starts_at_once: int = shared.starts_at_once()
    tick_seconds: float = setting("LAMBENT_TICK_SECONDS", 2.0, "Between decisions on silent functions.", unit="s", low=0.1, high=60)
    least_decision_seconds: float = setting(
        "LAMBENT_LEAST_DECISION_SECONDS", 0.1, "Between two decisions on a function that statistics speak of.", unit="s", low=0, high=10
    )
    pool_size: int = setting(
        "LAMBENT_POOL_SIZE", 2, "Generic pods of a runtime's pool in a namespace, at rest; 0: pools are left alone.", low=0, high=100
    )
    pool_max_size: int = setting("LAMBENT_POOL_MAX_SIZE", 10, "Generic pods of a pool at most.", low=1, high=1000)
    pool_idle_seconds: float = setting(
        "LAMBENT_POOL_IDLE_SECONDS", 3600.0, "A pool of which nothing was asked for so long has no pods.", unit="s", low=1, high=2_592_000
    )
    pool_max_memory_mib: int = shared.pool_max_memory_mib()
    lease_seconds: int = setting("LAMBENT_LEASE_SECONDS", 5, "A leader not heard of for so long is replaced.", unit="s", low=2, high=120)
    renew_deadline_seconds: float = setting(
        "LAMBENT_RENEW_DEADLINE_SECONDS",
        3.5,
        "A leader that could not renew for so long stops acting.",
        unit="s",
        low=0.5,
        high=119,
    )

    def validate(self) -> None:
        """A leader has stopped before another one starts, and a pool's size is within its bounds."""
        if self.pool_max_size < self.pool_size:
            allowed = f"a whole number from LAMBENT_POOL_SIZE ({self.pool_size})"
            raise SettingError("LAMBENT_POOL_MAX_SIZE", str(self.pool_max_size), allowed)
        if self.renew_deadline_seconds >= self.lease_seconds:
            allowed = f"a number of seconds below LAMBENT_LEASE_SECONDS ({self.lease_seconds})"
            raise SettingError("LAMBENT_RENEW_DEADLINE_SECONDS", f"{self.renew_deadline_seconds:g}", allowed)
