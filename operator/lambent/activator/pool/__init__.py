"""Generic pods that become functions: what they are told, whose word counts, and how Kubernetes learns of it (docs/decisions/0007)."""
