"""What one client may ask of the server. Bytes and seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontLimits:
    """Bounds of the HTTP front; each has a test that goes over it."""

    connections: int = 10_000
    """Open at once; more are answered 503 and closed."""
    target_bytes: int = 16 * 1024
    head_bytes: int = 64 * 1024
    """Request line and headers together; longer ones are answered 431."""
    headers: int = 256
    body_bytes: int = 6_291_456
    """Lambda's largest payload; longer ones are answered 413."""
    receiving_bytes: int = 128 * 1024 * 1024
    """Bodies that are not complete yet, of all connections; whoever goes over it is answered 503."""
    head_seconds: float = 20.0
    body_seconds: float = 60.0
    keep_alive_seconds: float = 75.0
    """Longer than the 60 s of the usual load balancers, so that it is they who close."""
    stalled_seconds: float = 60.0
    """How long a client may read nothing of what is written to it."""
    linger_seconds: float = 5.0
    """After a refusal, how long the rest of a request is read and thrown away, so that the client gets to see the answer."""
