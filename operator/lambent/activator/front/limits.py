"""What clients may ask of the server. Bytes and seconds."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.activator.lambda_api.invoke import MAX_PAYLOAD_BYTES

SLICE_BYTES = 16 * 1024
"""As much is parsed at once: bounds how many requests can come out of one read."""
BACKLOG_BYTES = 64 * 1024
"""What one client may send ahead of its answers before it is read no further. Till then its going away is noticed."""
REQUESTS_PER_TURN = 64
"""As many are answered in one turn of the event loop, two to three milliseconds; the rest wait for the next. In between, links are read and
slots filled: however many clients come, functions are not kept waiting for their next invocation."""
HEADER_BYTES = 256
"""What a header's line takes in memory besides its text: two strings, a tuple and a place in a list and a table."""
UNSENT_BYTES = 8 * 1024
"""What may be left unsent of an answer before its client counts as behind in reading: as much is held uncounted for each connection."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Those of API Gateway and function URLs. CONNECT and TRACE are 405, as no host here takes them; others are 501."""
WAITING_BYTES = 2 * 1024
"""What a parsed request that waits behind another is counted as; it is more than what was sent of it."""


@dataclass(frozen=True, slots=True)
class FrontLimits:
    """Bounds of the HTTP front; each has a test that goes over it."""

    connections: int = 10_000
    """Open at once; more are answered 503 and closed."""
    target_bytes: int = 16 * 1024
    """Longer ones are answered 414."""
    head_bytes: int = 64 * 1024
    """Request line and headers together; longer ones are answered 431."""
    headers: int = 256
    """Lines; more are answered 431."""
    body_bytes: int = MAX_PAYLOAD_BYTES
    """Lambda's largest payload; longer ones are answered 413."""
    receiving_bytes: int = 96 * 1024 * 1024
    """Requests that are not complete yet or wait behind another of their connection. Beyond it those give way who hold most and bring least
    (408, 503 where they are not slow); where nobody does, whoever goes over it is answered 503.

    With 128 MiB of answers (`sending_bytes`), 64 MiB of queue and some 70 MiB for the process itself, this leaves 150 of the chart's
    512 MiB for payloads under way on links, and for sockets.
    """
    sending_bytes: int = 128 * 1024 * 1024
    """Answers that clients are behind in reading; beyond it, those are cut who have been behind for longest."""
    head_seconds: float = 20.0
    """From a request's first byte to the end of its head; then it is answered 408."""
    body_seconds: float = 30.0
    """In each such time a body must come to its end or bring `body_bytes_per_second`; else it is answered 408."""
    body_bytes_per_second: int = 16 * 1024
    give_way_seconds: float = 10.0
    """Where `receiving_bytes` are taken, whoever would need longer at its present pace to bring what it holds gives way to others."""
    keep_alive_seconds: float = 75.0
    """Longer than the 60 s of the usual load balancers, so that it is they who close."""
    stalled_seconds: float = 60.0
    """How long a client may read nothing of what is written to it."""
    linger_seconds: float = 5.0
    """After the last answer, how long a client may be silent before it closes too; what it still sends is thrown away."""
    longest_linger_seconds: float = 30.0
    """How long it may go on sending."""
