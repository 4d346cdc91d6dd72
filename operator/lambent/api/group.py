"""Names of the API group and of the labels Lambent puts on what it owns."""

from __future__ import annotations

from typing import Final

GROUP: Final = "lambent.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
FUNCTIONS: Final = "functions"
TRIGGERS: Final = "triggers"

LABEL_FUNCTION: Final = "lambent.dev/function"
LABEL_REVISION: Final = "lambent.dev/revision"
LABEL_ROLE: Final = "lambent.dev/role"
ROLE_FUNCTION: Final = "function"
ROLE_CANDIDATE: Final = "candidate"
TOKEN_AUDIENCE: Final = "lambent"  # noqa: S105 - an audience, not a secret
