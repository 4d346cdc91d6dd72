"""The HTTP server in front of the gateway: httptools (llhttp) reads, uvloop carries, and this package does what a server must besides."""
