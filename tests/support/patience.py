"""How long tests wait before they call a thing hung. No measure of speed: nothing that works is noticed to be slow."""

from __future__ import annotations

import os

SLOWDOWN = float(os.environ.get("LAMBENT_TEST_SLOWDOWN", "1"))
"""How many times slower than a computer of today the one is that the tests run on: a machine in software emulation."""
PATIENCE_SECONDS = 30 * SLOWDOWN
FUNCTION_TIMEOUT_SECONDS = 20 * SLOWDOWN
"""A function's timeout where the test is not about it."""
