"""Names of everything that belongs to a Function: its child objects, its URL and its ARN.

Kubernetes names that become a label or a DNS label hold at most 63 characters (RFC 1035); a longer one is cut and ends in a hash of
the whole, so that two long names that differ only at the end stay apart.
"""

from __future__ import annotations

import hashlib
from typing import Final

MAX_NAME_LENGTH: Final = 63
_HASH_LENGTH: Final = 8
DEFAULT_CLUSTER_DOMAIN: Final = "cluster.local"
DEFAULT_REGION: Final = "us-east-1"
DEFAULT_NAMESPACE: Final = "default"
CONTAINER: Final = "function"


def fit(name: str, limit: int = MAX_NAME_LENGTH) -> str:
    """`name` itself where it is short enough, else its start and eight hex digits of its hash."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1].rstrip('-.')}-{digest}"


def deployment(function: str) -> str:
    """The Deployment of a Function."""
    return fit(function)


def service(function: str) -> str:
    """The ExternalName Service of a Function: its name inside the cluster."""
    return fit(function)


def network_policy(function: str) -> str:
    """The NetworkPolicy that shuts a Function's pods."""
    return fit(function)


def code_config_map(function: str, digest: str) -> str:
    """The immutable ConfigMap with one state of a Function's code."""
    return _with_suffix(function, f"-code-{digest}")


def candidate_pod(function: str, revision: str) -> str:
    """The bare Pod that proves a new revision before it serves."""
    return _with_suffix(function, f"-candidate-{revision}")


def pool(runtime: str) -> str:
    """The Deployment, and the NetworkPolicy, of a runtime's pool in a namespace. Without dots, as pods' host names have none."""
    return fit(f"lambent-pool-{runtime.replace('.', '-')}")


def function_host(function: str, namespace: str) -> str:
    """The host a Function answers under inside the cluster."""
    return f"{function}.{namespace}"


def function_arn(function: str, namespace: str, region: str = DEFAULT_REGION) -> str:
    """The ARN of a Function; a namespace stands where AWS has the account."""
    return f"arn:aws:lambda:{region}:{namespace}:function:{function}"


def _with_suffix(function: str, suffix: str) -> str:
    name = function + suffix
    if len(name) <= MAX_NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{function[: MAX_NAME_LENGTH - len(suffix) - _HASH_LENGTH - 1].rstrip('-.')}-{digest}{suffix}"
