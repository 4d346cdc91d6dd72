"""AWS Lambda's HTTP API as far as it is served here: Invoke. Pure: requests in, invocations and responses out."""
