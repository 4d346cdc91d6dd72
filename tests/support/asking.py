"""Invocations that a test can await."""

from __future__ import annotations

import asyncio

from lambent.activator.admission.model import Invocation
from lambent.activator.gateway.pending import Invoker
from lambent.activator.reply import Answer


async def ask(invoker: Invoker, invocation: Invocation) -> Answer:
    """The answer; cancelling it cancels the invocation, after which an answer is a failure of the test."""
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    invocation.waiter = answered.set_result
    invoker.submit(invocation)
    try:
        return await answered
    except asyncio.CancelledError:
        invoker.cancel(invocation)
        raise
