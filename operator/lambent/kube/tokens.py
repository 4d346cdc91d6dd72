"""Who sent this bearer token: TokenReview, for the service accounts of pods.

Source: Kubernetes documentation, "TokenReview" and "Managing Service Accounts" (bound tokens carry their pod's name and uid).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path

_GROUP: Final = "authentication.k8s.io/v1"
_USER: Final = "system:serviceaccount:"
_POD_NAME: Final = "authentication.kubernetes.io/pod-name"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"


class TokenRefusedError(Exception):
    """The token proves nothing, for the reason given (which never holds the token)."""


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """What a token proves. `pod` and `pod_uid` are empty for a token that is bound to no pod."""

    namespace: str
    service_account: str
    pod: str
    pod_uid: str


async def review_token(client: KubeClient, token: str, audience: str) -> PodIdentity:
    """Ask the API server. Raises TokenRefusedError where it does not vouch for the token, KubeError where it cannot be asked."""
    # Control characters or megabytes are no token; the API server need not see them.
    if not token or len(token) > 16_384 or not token.isascii() or not token.isprintable():
        raise TokenRefusedError("not a token")
    body: Json = {"apiVersion": _GROUP, "kind": "TokenReview", "spec": {"token": token, "audiences": [audience]}}
    review = await client.create(collection_path(_GROUP, "tokenreviews"), body)
    return parse_review(review, audience)


def parse_review(review: Json, audience: str) -> PodIdentity:
    """The identity in an answered TokenReview, pure. Raises TokenRefusedError."""
    status: dict[str, Any] = review.get("status") or {}
    if status.get("authenticated") is not True:
        raise TokenRefusedError(str(status.get("error") or "the API server does not know this token"))
    # An authenticator that knows nothing of audiences leaves the field empty: then it has not checked them.
    if audience not in (status.get("audiences") or ()):
        raise TokenRefusedError(f"the token is not meant for the audience {audience!r}")
    user: dict[str, Any] = status.get("user") or {}
    name = str(user.get("username") or "")
    namespace, separator, account = name.removeprefix(_USER).partition(":")
    if not name.startswith(_USER) or not separator or not namespace or not account:
        raise TokenRefusedError(f"{name!r} is not a service account")
    extra: dict[str, Any] = user.get("extra") or {}
    return PodIdentity(namespace, account, _only(extra.get(_POD_NAME)), _only(extra.get(_POD_UID)))


def _only(values: Any) -> str:
    return str(values[0]) if isinstance(values, list) and len(values) == 1 else ""
