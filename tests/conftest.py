"""What holds for every test."""

from __future__ import annotations

from tests.support.examples_drawn import load_profile

load_profile()
