"""Makes the shim the parent of orphans below it, as PID 1 is by nature."""

from __future__ import annotations

import os
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> None:
    """Outside a container, where the shim is not PID 1. Raises OSError where the kernel refuses."""
    if os.getpid() == 1:
        return
    import ctypes  # noqa: PLC0415 - in a pod the shim is PID 1 and needs none

    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
