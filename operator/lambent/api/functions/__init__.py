"""The Function resource: its specification and status as types, and what follows from them."""
