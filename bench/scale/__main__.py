"""`python -m bench.scale`: simulate ten thousand Functions, print what they cost, write bench/out/scale.{md,json}."""

from __future__ import annotations

import sys

from bench.scale.run import main

if __name__ == "__main__":
    sys.exit(main())
