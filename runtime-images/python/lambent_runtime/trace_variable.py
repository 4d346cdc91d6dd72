"""`_X_AMZN_TRACE_ID` in the process's environment: another value for each invocation, as on Lambda.

setenv, which os.environ calls, keeps every value it was ever given (glibc, setenv.c: STORE_VALUE): 112 bytes for each invocation, so
that a busy worker would reach a small function's memory limit within minutes. putenv takes memory of the caller's instead, which can
be written anew; Python does not offer it, ctypes does. Its import costs 4 ms, so that a worker begins with setenv.
"""

from __future__ import annotations

import os
from typing import Any

NAME = "_X_AMZN_TRACE_ID"
SETENV_TIMES = 100
"""A worker that has served so many is going to serve more."""

_PREFIX = NAME.encode() + b"="


class TraceVariable:
    """The variable; one object per process."""

    def __init__(self) -> None:
        self._times = 0
        self._ctypes: Any = None
        self._putenv: Any = None
        self._memory: Any = None

    def set(self, trace_id: str | None) -> None:
        """The variable is this invocation's, or not set."""
        if trace_id is None:
            if NAME in os.environ:
                del os.environ[NAME]
        elif self._times < SETENV_TIMES or not self._put(trace_id):
            self._times += 1
            os.environ[NAME] = trace_id

    def _put(self, trace_id: str) -> bool:
        """False where it cannot be done by putenv: no ctypes, an os.environ that is not Python's, a value that is none."""
        values = getattr(os.environ, "_data", None)
        if not isinstance(values, dict) or "\0" in trace_id or not self._load():
            return False
        value = os.fsencode(trace_id)
        text = _PREFIX + value + b"\0"
        if self._memory is None or len(text) > len(self._memory):
            self._memory = self._ctypes.create_string_buffer(max(256, 2 * len(text)))
            # The environment points to it until the process is gone, longer than any Python object lives.
            self._ctypes.pythonapi.Py_IncRef(self._ctypes.py_object(self._memory))
        self._ctypes.memmove(self._memory, text, len(text))
        # Each time: user code may have set the variable, or taken it away.
        self._putenv(self._memory)
        values[NAME.encode()] = value
        return True

    def _load(self) -> bool:
        if self._putenv is None:
            try:
                import ctypes  # noqa: PLC0415 - see above

                self._putenv = ctypes.CDLL(None).putenv
                self._ctypes = ctypes
            except (ImportError, OSError, AttributeError):
                self._putenv = False
        return bool(self._putenv)
