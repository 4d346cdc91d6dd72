"""Which function a request means: an immutable table, swapped whole. Pure."""
