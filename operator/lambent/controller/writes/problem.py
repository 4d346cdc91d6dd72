"""What keeps a Function from being ready, as its condition tells it: a reason and a message of a sane length. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_MESSAGE: Final = 1500


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason for Ready=False and its message."""

    reason: str
    message: str


def shorten(text: str, limit: int = MAX_MESSAGE) -> str:
    """Text of a sane length, cut in the middle: what a message begins and ends with says most."""
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
