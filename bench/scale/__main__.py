"""`python -m bench.scale`: simulate ten thousand Functions, print what they cost, write bench/out/scale.{md,json}."""

from __future__ import annotations

import sys

from bench.kube import ROOT

# The code under measure is the checkout's, which is installed nowhere.
sys.path[:0] = [str(ROOT / "operator"), str(ROOT / "runtime-images" / "shim")]

from bench.scale.run import main  # noqa: E402

sys.exit(main())
