"""A Function's code as files, and the immutable ConfigMap that carries one state of it to pods.

A ConfigMap's keys hold no `/`, so paths are encoded into keys and the pod's volume maps them back (`items`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.code import ConfigMapCode, check_path
from lambent.api.fields import InvalidSpecError
from lambent.api.function import Function
from lambent.api.names import code_config_map
from lambent.api.revision import code_digest
from lambent.controller.labels import LABEL_CODE, child_metadata

DIGEST_LENGTH: Final = 12
MAX_KEY_LENGTH: Final = 253
_PLAIN: Final = re.compile(rb"[A-Za-z0-9.-]")


@dataclass(frozen=True, slots=True)
class CodeFiles:
    """Files by relative path, with the digest that names them."""

    files: Mapping[str, bytes]
    digest: bytes

    @property
    def short_digest(self) -> str:
        """The digest as labels and names carry it."""
        return self.digest.hex()[:DIGEST_LENGTH]

    @property
    def sha256(self) -> str:
        """The digest as `status.codeSha256` has it."""
        return base64.b64encode(self.digest).decode()


def collect_files(files: Mapping[str, bytes]) -> CodeFiles:
    """Files with their digest; raises `InvalidSpecError` where one file's path is a folder of another's."""
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise InvalidSpecError("spec.code", path, f"paths that differ: {'/'.join(parts[:depth])} is a file already")
    return CodeFiles(files, code_digest(files))


def inline_files(inline: Mapping[str, str]) -> CodeFiles:
    """The files of `spec.code.inline`."""
    return collect_files({path: content.encode() for path, content in inline.items()})


def config_map_files(source: ConfigMapCode, body: Mapping[str, Any]) -> CodeFiles:
    """The files of a user's ConfigMap; raises `KeyError` with a key that `items` names and the ConfigMap lacks."""
    contents = {key: value.encode() for key, value in (body.get("data") or {}).items()}
    contents |= {key: base64.b64decode(value) for key, value in (body.get("binaryData") or {}).items()}
    if source.items:
        return collect_files({item.path: contents[item.key] for item in source.items})
    return collect_files({check_path(key, "spec.code.configMap"): content for key, content in contents.items()})


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


def code_volume_items(code: CodeFiles) -> list[dict[str, str]]:
    """Which key becomes which file under the task root."""
    return [{"key": encode_key(path), "path": path} for path in sorted(code.files)]
