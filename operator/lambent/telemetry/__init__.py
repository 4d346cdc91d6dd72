"""What a process says about itself: logs, health, readiness and metrics."""
