"""A container engine: the user's, or one of our own."""
