"""The Trigger and HostGrant resources: their types, and who owns which host."""
