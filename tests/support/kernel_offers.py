"""What the kernel under the tests offers: tests of what Lambent does with it say what they need."""

from __future__ import annotations

import ctypes
import functools

import pytest

_CREATE_RULESET = 444
_VERSION = 1


@functools.cache
def landlock_version() -> int:
    """The version of Landlock; 0 where there is none (landlock(7))."""
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION)))


needs_landlock = pytest.mark.skipif(landlock_version() < 2, reason="the kernel has no Landlock of version 2: processes are not kept apart")
needs_truncate_right = pytest.mark.skipif(landlock_version() < 3, reason="Landlock before version 3 cannot refuse to truncate a file")
needs_signal_scope = pytest.mark.skipif(landlock_version() < 6, reason="Landlock before version 6 cannot refuse signals")
