"""A kind cluster: its nodes' image, its configuration, and its life."""
