"""Triggers: their reconcile."""
