"""Whether workers may be forked from a process that has imported the handler, or each has to import it for itself. Pure.

Rules and reasons: docs/decisions/0011-what-copies-of-one-import-share.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lambent_runtime import frames
from lambent_runtime.forking import Footprint

_QUICK_MS: Final = 20
_SMALL_KIB: Final = 4096
"""An import that takes less of both is not worth sharing: it is run as fast as its process is forked."""


def explain_apart(sharing: int, *, duration_ms: float, grown_kib: int, explain_drawn: Callable[[], str]) -> str:
    """Why each worker imports for itself; empty where they share the import, if it can be forked. `sharing`: flags of FORK or CONFIGURE.

    `grown_kib` is the resident memory that the process has gained; `explain_drawn` says what the import has drawn that only one
    environment may have (lambent_runtime.draws), and is asked only where that decides.
    """
    if sharing & frames.NEVER_SHARE:
        return "the Function says so"
    if sharing & frames.ALWAYS_SHARE:
        return ""
    if duration_ms < _QUICK_MS and grown_kib < _SMALL_KIB:
        return "it is imported as fast as it is forked"
    return explain_drawn()


def explain_unforkable(before: Footprint, after: Footprint) -> str:
    """Why a process must not be forked now, whatever the Function says; empty when it may.

    A fork keeps one thread, and shares open files and connections: two workers on one database connection would read each other's rows.
    """
    if after.threads > 1:
        return f"{after.threads} threads run"
    if after.children:
        return "it has child processes"
    opened = sorted(target for _, target in after.descriptors - before.descriptors if not target.startswith("/dev/"))
    if opened:
        return f"it opened {', '.join(opened)}"
    return ""
