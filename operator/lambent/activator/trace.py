"""The trace id that a caller may give (AWS X-Ray Developer Guide, "Tracing header"): what is taken of it. Pure."""

from __future__ import annotations

import re
from typing import Final

TRACE_HEADER: Final = "x-amzn-trace-id"
MAX_TRACE_BYTES: Final = 1024
"""Root, Parent, Sampled and a Lineage of Lambda's length are 150; load balancers and callers add a few of their own."""
_TRACE: Final = re.compile(r"[ -!#-\[\]-~]*")
"""Visible ASCII and spaces, without quotes and backslashes."""


def what_is_wrong(trace_id: str) -> str:
    """Why a trace id is not taken, for the caller; empty where nothing is wrong."""
    if len(trace_id) > MAX_TRACE_BYTES:
        return f"X-Amzn-Trace-Id has {len(trace_id)} bytes; at most {MAX_TRACE_BYTES} are taken"
    if not _TRACE.fullmatch(trace_id):
        return "X-Amzn-Trace-Id must be ASCII text without quotes and backslashes, such as Root=1-67891233-abcdef012345678912345678"
    return ""
