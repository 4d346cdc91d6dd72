"""Functions, Triggers and hosts as the activator serves them, and the table of routes that is built of them."""
