"""What end-to-end tests are written in: intents on a real cluster (apply, invoke, wait for zero), with diagnostics when one fails."""
