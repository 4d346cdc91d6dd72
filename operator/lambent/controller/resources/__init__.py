"""Kubernetes objects as the controller wants them. Pure."""
