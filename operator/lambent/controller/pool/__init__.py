"""Pools of generic pods: their reconcile."""
