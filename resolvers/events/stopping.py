"""Reliable ends of background tasks, and protection from cancellation."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

AGAIN_SECONDS: Final = 0.1


async def stop(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all have ended: the Redis client may swallow a cancellation."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)


async def undisturbed(work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for work that runs to its end even if the waiting is cancelled; its failure is then ignored."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(mark_retrieved)
    return await asyncio.shield(task)


def mark_retrieved(future: "asyncio.Future[Any]") -> None:
    """Retrieve a future's exception, so that it is not logged as unretrieved."""
    if not future.cancelled():
        future.exception()
