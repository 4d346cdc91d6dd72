"""This machine: commands, processes, locks, packages, and programs that are built on it."""
