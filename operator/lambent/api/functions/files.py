"""The files of a Function's code, and the digest that names them. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.fields import InvalidSpecError
from lambent.api.functions.code import ConfigMapCode, check_path
from lambent.api.functions.revision import code_digest

DIGEST_LENGTH: Final = 12


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
