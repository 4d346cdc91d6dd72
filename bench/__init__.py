"""Benchmarks on the cluster of `make up`, side by side with other servers; started by `make bench`."""

from __future__ import annotations

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).parents[1]
# The code under measure is the checkout's, which is installed nowhere.
sys.path[:0] = [str(_CHECKOUT / "operator"), str(_CHECKOUT / "runtime-images" / "shim")]
