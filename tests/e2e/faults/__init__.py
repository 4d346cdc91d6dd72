"""Faults, one after the other, under a steady load whose every request is in a ledger: `make faults`."""
