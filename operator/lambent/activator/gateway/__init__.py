"""Requests of callers: which function each concerns, how it becomes an invocation, and what goes back."""
