"""Where a Function's code comes from: the `spec.code` of the custom resource, and of its URL."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lambent.api.fields import Fields, InvalidSpecError

SOURCES: Final = ("inline", "configMap", "archive", "oci", "git")
SERVED_SOURCES: Final = ("inline", "configMap")
MAX_INLINE_CHARACTERS: Final = 262_144
"""What the schema takes of inline code, and of its paths: all that watch Functions read it with each of them."""
MAX_CODE_BYTES: Final = 1_000_000
"""What is served of inline code: an earlier schema took so much, and what it took goes on running."""
MAX_PATH_LENGTH: Final = 253


@dataclass(frozen=True, slots=True)
class ConfigMapItem:
    """One key of a ConfigMap and the path its content gets under the task root."""

    key: str
    path: str


@dataclass(frozen=True, slots=True)
class ConfigMapCode:
    """Code in a ConfigMap of the same namespace: all its keys as files, or only `items`."""

    name: str
    items: tuple[ConfigMapItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveCode:
    """A zip or tar archive fetched by URL and checked by its SHA-256."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class OciCode:
    """An artifact in an OCI registry."""

    image: str


@dataclass(frozen=True, slots=True)
class GitCode:
    """A folder of a Git repository at a ref."""

    url: str
    ref: str
    path: str


@dataclass(frozen=True, slots=True)
class Code:
    """`spec.code`; exactly one source is set, or none where the image holds the code."""

    inline: Mapping[str, str] = field(default_factory=dict)
    config_map: ConfigMapCode | None = None
    archive: ArchiveCode | None = None
    oci: OciCode | None = None
    git: GitCode | None = None

    @property
    def source(self) -> str | None:
        """The name of the source that is set, as the manifest spells it."""
        if self.inline:
            return "inline"
        parts = (("configMap", self.config_map), ("archive", self.archive), ("oci", self.oci), ("git", self.git))
        return next((name for name, part in parts if part is not None), None)


def check_path(path: str, where: str) -> str:
    """A relative path below the task root, written plainly: no `..`, no leading `/`, no empty part."""
    plain = posixpath.normpath(path) if path else ""
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise InvalidSpecError(where, path, "a path without control characters")
    if not path or path.startswith("/") or plain != path or plain.split("/")[0] == ".." or plain == "." or len(path) > MAX_PATH_LENGTH:
        allowed = f"a relative path of at most {MAX_PATH_LENGTH} characters without '..', such as app.py or package/module.py"
        raise InvalidSpecError(where, path, allowed)
    return path


def parse_code(code: Fields) -> Code:
    """`spec.code`; raises `InvalidSpecError` where not exactly one source is set."""
    named = [source for source in SOURCES if code.has(source)]
    if len(named) != 1:
        raise InvalidSpecError(code.path, sorted(code.names()), f"exactly one of {', '.join(SOURCES)}")
    inline = code.string_map("inline")
    if named == ["inline"] and not inline:
        raise InvalidSpecError(code.field("inline"), inline, "at least one file")
    for path in inline:
        check_path(path, code.field("inline"))
    size = sum(len(path.encode()) + len(content.encode()) for path, content in inline.items())
    if size > MAX_CODE_BYTES:
        raise InvalidSpecError(code.field("inline"), f"{size} bytes", f"at most {MAX_CODE_BYTES} bytes in all, or another source")
    return Code(
        inline=inline,
        config_map=_parse_config_map(code.object("configMap")) if code.has("configMap") else None,
        archive=_parse_archive(code.object("archive")) if code.has("archive") else None,
        oci=OciCode(code.object("oci").required("image")) if code.has("oci") else None,
        git=_parse_git(code.object("git")) if code.has("git") else None,
    )


def _parse_config_map(source: Fields) -> ConfigMapCode:
    items = tuple(
        ConfigMapItem(item.required("key"), check_path(item.required("path"), item.field("path"))) for item in source.objects("items")
    )
    return ConfigMapCode(source.object_name("name"), items)


def _parse_archive(source: Fields) -> ArchiveCode:
    return ArchiveCode(source.required("url"), source.string("sha256", ""))


def _parse_git(source: Fields) -> GitCode:
    return GitCode(source.required("url"), source.string("ref", "HEAD"), source.string("path", ""))
