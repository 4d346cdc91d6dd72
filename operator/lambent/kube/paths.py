"""Paths of the API, pure: (group/version, plural, namespace, name, subresource) to a URL path.

Source: Kubernetes API concepts, "Resource URIs".
"""

from __future__ import annotations

import re
from typing import Final

# What the API server accepts as a path segment (ValidatePathSegmentName), narrowed to the characters that object names have: a name with
# a slash or a dot segment would reach another object.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?")


def collection_path(group_version: str, plural: str, namespace: str | None = None) -> str:
    """The path of all objects of a kind: in one namespace, or in the whole cluster with None.

    >>> collection_path("apps/v1", "deployments", "default")
    '/apis/apps/v1/namespaces/default/deployments'
    """
    group, slash, version = group_version.rpartition("/")
    root = f"/apis/{_segment('group', group)}/{_segment('version', version)}" if slash else f"/api/{_segment('version', version)}"
    if namespace is None:
        return f"{root}/{_segment('plural', plural)}"
    return f"{root}/namespaces/{_segment('namespace', namespace)}/{_segment('plural', plural)}"


def object_path(group_version: str, plural: str, namespace: str | None, name: str, subresource: str = "") -> str:
    """The path of one object, or of its subresource such as `status` or `scale`.

    >>> object_path("v1", "pods", "default", "web", "log")
    '/api/v1/namespaces/default/pods/web/log'
    """
    path = f"{collection_path(group_version, plural, namespace)}/{_segment('name', name)}"
    return f"{path}/{_segment('subresource', subresource)}" if subresource else path


def _segment(what: str, value: str) -> str:
    if not _SEGMENT.fullmatch(value) or ".." in value:
        raise ValueError(f"{what}: {value!r} is not allowed in an API path; use letters, digits, '-', '.', '_' and ':'")
    return value
