"""What the shim asks of the kernel where it is not PID 1: to be the parent of orphans below it, and to end with its own parent."""

from __future__ import annotations

import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper(*, exit_with_parent: bool = False) -> None:
    """Outside a container only. Raises OSError where the kernel refuses."""
    if os.getpid() == 1:
        return
    import ctypes  # noqa: PLC0415 - in a pod the shim is PID 1 and needs none

    library = ctypes.CDLL(None, use_errno=True)
    options = [(_PR_SET_CHILD_SUBREAPER, 1)]
    if exit_with_parent:
        options.append((_PR_SET_PDEATHSIG, int(signal.SIGTERM)))
    for option, value in options:
        if library.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")
