"""Plays conversations against a server, many at once.

`python -m bench.hostile.sender HOST PORT NAMESPACE REQUESTS SEED` prints how many
requests were sent.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from random import Random

from bench.hostile.traffic import Conversation, Ending, make_conversation

AT_ONCE = 64
_PATIENCE_SECONDS = 1.0
"""How long an answer is waited for: many conversations have none."""
_RESET = struct.pack("ii", 1, 0)


async def play(host: str, port: int, conversation: Conversation) -> bytes:
    """Have it; what was answered, as far as it was read."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        # Whoever has gone by a reset leaves no port behind that waits for a minute.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        with suppress(ConnectionError, TimeoutError, OSError):
            await loop.sock_connect(client, (host, port))
            async with asyncio.timeout(_PATIENCE_SECONDS):
                for piece in conversation.pieces:
                    await loop.sock_sendall(client, piece)
                    await asyncio.sleep(0)
                if conversation.ending is Ending.HALF_CLOSE:
                    client.shutdown(socket.SHUT_WR)
                while conversation.ending is not Ending.ABORT:
                    piece = await loop.sock_recv(client, 65_536)
                    answer += piece
                    if not piece or conversation.ending is Ending.READ:
                        break
        return answer


async def play_all(host: str, port: int, conversations: Iterator[Conversation], at_once: int = AT_ONCE) -> int:
    """So many at once until there are no more; the requests that were sent."""
    sent = 0

    async def work() -> None:
        nonlocal sent
        for conversation in conversations:
            await play(host, port, conversation)
            sent += conversation.requests

    await asyncio.gather(*(work() for _ in range(at_once)))
    return sent


def conversations(requests: int, seed: int, namespace: str = "default") -> Iterator[Conversation]:
    """As many as hold that many requests."""
    random = Random(seed)
    while requests > 0:
        conversation = make_conversation(random, namespace)
        requests -= conversation.requests
        yield conversation


if __name__ == "__main__":
    _, host, port, namespace, requests, seed = sys.argv
    print(asyncio.run(play_all(host, int(port), conversations(int(requests), int(seed), namespace))))
