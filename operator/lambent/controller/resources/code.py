"""A Function's code as files, and the immutable ConfigMap that carries one state of it to pods.

A ConfigMap's keys hold no `/`, so paths are encoded into keys and the pod's volume maps them back (`items`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from lambent.api.functions.files import CodeFiles
from lambent.api.functions.function import Function
from lambent.api.names import code_config_map
from lambent.controller.resources.labels import LABEL_CODE, child_metadata

MAX_KEY_LENGTH: Final = 253
_PLAIN: Final = re.compile(rb"[A-Za-z0-9.-]")


def encode_key(path: str) -> str:
    """A ConfigMap key for a path, readable and the same key for the same path only; `_` begins two hex digits."""
    encoded = "".join(chr(byte) if _PLAIN.match(bytes((byte,))) else f"_{byte:02x}" for byte in path.encode())
    if len(encoded) <= MAX_KEY_LENGTH:
        return encoded
    return f"sha256-{hashlib.sha256(path.encode()).hexdigest()}"


def build_code_config_map(function: Function, code: CodeFiles) -> dict[str, Any]:
    """The immutable ConfigMap with that state of the code."""
    metadata = child_metadata(function, code_config_map(function.name, code.short_digest))
    metadata["labels"] = metadata["labels"] | {LABEL_CODE: code.short_digest}
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path, content in code.files.items():
        try:
            text[encode_key(path)] = content.decode()
        except UnicodeDecodeError:
            binary[encode_key(path)] = base64.b64encode(content).decode()
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}
    if text:
        body["data"] = text
    if binary:
        body["binaryData"] = binary
    return body


def holds_code(built: Mapping[str, Any], contents: Mapping[str, Any]) -> bool:
    """Whether a ConfigMap's contents (`immutable`, `data`, `binaryData`) are those that were built: nobody can have put others into it."""
    parts = ("immutable", "data", "binaryData")
    return all((contents.get(part) or None) == built.get(part) for part in parts)


def code_volume_items(code: CodeFiles) -> list[dict[str, str]]:
    """Which key becomes which file under the task root."""
    return [{"key": encode_key(path), "path": path} for path in sorted(code.files)]
