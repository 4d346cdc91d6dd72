"""What a shim asks of the kernel. Outside a container: to be the parent of orphans below it, and to end with its own parent.

A container's PID 1 has both by being PID 1. Everywhere: to be left alone by the function that runs beside it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself, with its enums, costs 2 ms
import os
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> None:
    """To be asked before the first child is started: what that one leaves behind is adopted from then on. Raises OSError when refused."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> bool:
    """SIGTERM to this process when its parent ends; False where the parent, `parent` by its pid, has ended already. Raises OSError.

    The kernel tells of no death that came before it was asked (prctl(2), PR_SET_PDEATHSIG). Nor does it help to look for a parent that
    is PID 1: orphans go to the nearest subreaper.
    """
    _prctl(_PR_SET_PDEATHSIG, int(_signal.SIGTERM))
    return os.getppid() == parent


def close_to_others() -> None:
    """No process of the same user can trace this one, read its memory or use its descriptors from here on. Raises OSError.

    What it starts by exec is open to them as ever (prctl(2), PR_SET_DUMPABLE).
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    # What ctypes is made of: of itself it is 1.5 ms and 160 KiB more, in every pool pod.
    import _ctypes  # noqa: PLC0415 - what is started first does not wait for it

    prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # None: the process itself
    if _ctypes.call_function(prctl, (option, value, 0, 0, 0)) != 0:
        raise OSError(f"the kernel refuses prctl({option}, {value})")
