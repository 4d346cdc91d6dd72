"""Brings a kind cluster for Lambent up and takes it down again: see docs/cluster.md.

Standard library only: it runs before any virtual environment exists.
"""
