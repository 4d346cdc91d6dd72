"""Names of the API group and of the labels Lambent puts on what it owns."""

from __future__ import annotations

from typing import Final

GROUP: Final = "lambent.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
FUNCTIONS: Final = "functions"
TRIGGERS: Final = "triggers"
HOST_GRANTS: Final = "hostgrants"

LABEL_FUNCTION: Final = "lambent.dev/function"
LABEL_REVISION: Final = "lambent.dev/revision"
LABEL_ROLE: Final = "lambent.dev/role"
ROLE_FUNCTION: Final = "function"
ROLE_CANDIDATE: Final = "candidate"
ROLE_POOL: Final = "pool"
LABEL_RUNTIME: Final = "lambent.dev/runtime"
"""On pools and their pods while they are generic."""
LABEL_ORIGIN: Final = "lambent.dev/origin"
ORIGIN_POOL: Final = "pool"
"""On pods that have come from a pool, for good: they are ready before their function is."""
REFILL_GATE: Final = "lambent.dev/refill"
"""Scheduling gate of a pool's pods (docs/decisions/0007)."""
START_GATE: Final = "lambent.dev/start"
"""Scheduling gate of the pods of a Function that may take a pool's: those made for a pod that comes from there are never to start."""
TOKEN_AUDIENCE: Final = "lambent"  # noqa: S105 - an audience, not a secret
