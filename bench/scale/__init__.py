"""Ten thousand Functions on hundreds of simulated nodes: `python -m bench.scale`. What it measures and how: docs/scaling.md."""
