"""Builders of manifests with what a test does not care about filled in."""

from __future__ import annotations

import textwrap
from typing import Any

ECHO = """
def handler(event, context):
    return event
"""


def function(name: str, code: str | dict[str, str] = ECHO, **spec: Any) -> dict[str, Any]:
    """A Function. `code` is app.py, or files by path; everything else goes into `spec` (scaling merges over short idle times)."""
    files = {"app.py": code} if isinstance(code, str) else code
    scaling = {"scaleToZeroAfterSeconds": 300, "maxScale": 4, **spec.pop("scaling", {})}
    body = {
        "runtime": "python3.11",
        "handler": "app.handler",
        "timeoutSeconds": 10,
        "code": {"inline": {path: textwrap.dedent(text).strip() + "\n" for path, text in files.items()}},
        "scaling": scaling,
        **spec,
    }
    return changed({"apiVersion": "lambent.dev/v1alpha1", "kind": "Function", "metadata": {"name": name}, "spec": body})


def changed(manifest: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A copy of a manifest with other fields in its spec; None takes a field away."""
    fields = {**manifest["spec"], **spec}
    return {**manifest, "spec": {key: value for key, value in fields.items() if value is not None}}


def http_trigger(name: str, function_name: str, **http: Any) -> dict[str, Any]:
    """A Trigger with an http source."""
    spec = {"function": {"name": function_name}, "http": http}
    return {"apiVersion": "lambent.dev/v1alpha1", "kind": "Trigger", "metadata": {"name": name}, "spec": spec}
