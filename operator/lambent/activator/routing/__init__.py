"""Which function a request means: routes by host, changed in place at the price of what changes (docs/decisions/0010). Pure."""
