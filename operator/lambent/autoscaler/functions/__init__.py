"""How many pods each function has."""
