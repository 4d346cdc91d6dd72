"""Processes that run users' code: how they come, what they say, and how they end."""
