"""Imports a package without another that it would take along if it were installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """While this lasts, `package` cannot be imported, unless it is already.

    kopf looks for the `kubernetes` package's models only to recognise them as arguments, which nobody here passes; loading them costs
    20 MB and over a second, just when a standby takes over.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment] # what import takes for "there is none"
    try:
        yield
    finally:
        del sys.modules[package]
