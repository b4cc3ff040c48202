"""Ends background tasks for certain, and keeps cancellations away from where they would be lost."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

AGAIN_SECONDS: Final = 0.1


async def stop(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all have ended: the Redis client may swallow a cancellation that meets it at work."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)


async def undisturbed(work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for work that goes on to its end where the waiting is cancelled; its failure then concerns nobody."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(mark_retrieved)
    return await asyncio.shield(task)


def mark_retrieved(task: "asyncio.Task[Any]") -> None:
    """The failure of a task that nobody waits for any more is no error worth a log line."""
    if not task.cancelled():
        task.exception()
