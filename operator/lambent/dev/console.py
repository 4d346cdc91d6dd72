"""What `dev` says to the person in front of it."""

from __future__ import annotations

import sys
from typing import TextIO

from lambent.dev.manifests import Manifests


class Console:
    """Platform lines begin with `dev |`, those of functions with their process's name."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def say(self, text: str) -> None:
        """A line from dev itself."""
        self.write("dev", text)

    def write(self, who: str, line: str) -> None:
        """A line of somebody."""
        self._stream.write(f"{who} | {line}\n")
        self._stream.flush()


def describe(manifests: Manifests, host: str, port: int) -> list[str]:
    """What is served where, and how to call it."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    base = f"http://{shown}:{port}"
    lines = [f"serving {len(manifests.functions)} functions at {base}"]
    for namespace, name in sorted(manifests.functions):
        lines.append(f"  {name}: curl -d '{{}}' {base}/2015-03-31/functions/{_api_name(namespace, name)}/invocations")
        lines.append(f"  {' ' * len(name)}  curl -H 'Host: {name}.{namespace}' {base}/")
    for trigger in manifests.triggers.values():
        http = trigger.spec.http
        if http is not None and trigger.spec.enabled:
            methods = ",".join(http.methods) or "ANY"
            header = f" -H 'Host: {http.host}'" if http.host else ""
            lines.append(f"  {trigger.spec.function} also at {methods} {http.path}:{' curl' + header} {base}{http.path}")
    lines.append(f"  with boto3: boto3.client('lambda', endpoint_url='{base}', region_name='us-east-1')")
    lines.append("files are watched; Ctrl-C ends it all")
    return lines


def _api_name(namespace: str, name: str) -> str:
    return name if namespace == "default" else f"arn:aws:lambda:us-east-1:{namespace}:function:{name}"
