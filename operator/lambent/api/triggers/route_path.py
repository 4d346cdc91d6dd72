"""Paths of http Triggers as patterns: what is compared of two Triggers, and of a Trigger and a request. Pure.

As API Gateway's HTTP APIs have them ("Create routes for HTTP APIs in API Gateway", API Gateway Developer Guide): exact segments,
`{name}` for one segment, `{name+}` for all that is left, and a slash at the end counts for nothing.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

MAX_SEGMENTS: Final = 32
"""Segments that a Trigger's path may have, and that are looked at of a request's."""
MAX_PATH_LENGTH: Final = 1024
ONE: Final = "{}"
"""A parameter for one segment, whatever it is called."""
REST: Final = "{+}"
"""A parameter for all that is left; it comes last."""

Pattern = tuple[str, ...]
"""Each segment decoded and with `=` before it, or `ONE`, or `REST`."""


def split_path(path: str) -> list[str]:
    """Segments as they are written; one empty segment at the end is no segment, unless it is the only one."""
    segments = path.split("/")[1:]
    return segments[:-1] if len(segments) > 1 and not segments[-1] else segments


def pattern_of(path: str) -> Pattern:
    """The pattern of a Trigger's path: equal for paths that take the same requests, whatever parameters are called."""
    return tuple(_segment_of(segment) for segment in split_path(path))


def parameter_names(path: str) -> tuple[str, ...]:
    """Names of a Trigger's path parameters, in order."""
    return tuple(segment[1:-1].removesuffix("+") for segment in split_path(path) if segment.startswith("{"))


def _segment_of(segment: str) -> str:
    if not segment.startswith("{"):
        return "=" + unquote(segment)
    return REST if segment.endswith("+}") else ONE
