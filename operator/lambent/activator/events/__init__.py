"""HTTP requests as Lambda events and results as HTTP responses, in API Gateway's payload formats. Pure."""
