"""How many generic pods each pool has."""
