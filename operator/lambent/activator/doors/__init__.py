"""The ways in: the Lambda API, function URLs, http Triggers."""
