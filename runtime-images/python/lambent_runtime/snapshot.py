"""Leaves a copy of this process behind that the handler never notices, and that the process need not wait for.

For pool pods: who has asked for a function waits for its first invocation, and a template that is forked off beforehand must cost it
as little as possible. A fork is a copy of the page tables, a millisecond; a second one (so that the shim adopts the child) and the wait
for its parent would be two more.
"""

from __future__ import annotations

import ctypes
import os
import time

_CLONE = {"x86_64": 56, "aarch64": 220}
"""clone's number by machine (syscall(2))."""
_CLONED = -0x8000_0000
"""waitpid(2)'s __WCLONE, as the int that it is in C."""
_REST_SECONDS = 0.005

# Kept, as a handler's module may replace them (gevent, eventlet).
_fork, _waitpid, _sleep = os.fork, os.waitpid, time.sleep
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_number = _CLONE.get(os.uname().machine)


def leave_copy() -> int | None:
    """0 in the copy, which is the shim's child. Here, the pid of the process that came before it, for `forget`; None: there is no copy.

    That process ends without a signal, and an ordinary wait does not find it: user code cannot tell that it was there.
    """
    if _number is None:
        return None
    # Below glibc, and Python: nothing may run in the child that needs what either does after a fork, until a proper fork has done it there.
    middle = int(_syscall(_number, 0, 0, 0, 0, 0))
    if middle:
        return middle if middle > 0 else None
    _sleep(_REST_SECONDS)  # the invocation that waits goes first
    try:
        child = _fork()
    except OSError:
        os._exit(1)
    if child:
        os._exit(0)
    return 0


def forget(middle: int | None) -> bool:
    """Collect the process that came before the copy; whether it has ended."""
    if middle is None:
        return True
    try:
        return _waitpid(middle, _CLONED | os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True  # user code has the kernel collect children (SIGCHLD ignored)
