"""The Kubernetes API as Lambent needs it: a thin asynchronous REST client and what is built on it (docs/decisions/0003)."""
