"""Values made of others that are still to come, without a coroutine and a task for each.

`Later` is one value; `together` awaits several, none of which outlives the resolver that began them. `stop` and
`shielded` end background tasks, or keep them from being ended.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Final, Generic, TypeVar

from resolvers.errors import GatewayError

Source = TypeVar("Source")


Value = TypeVar("Value")

AGAIN_SECONDS: Final = 0.1


class Later(Generic[Source, Value]):
    """Something to await, without a coroutine and a task for each: a page has hundreds; operation lifetime.

    Args:
        source: What is awaited.
        make: Makes the value of it.
        instead: Makes the value of the error where the source fails with one of ours; without it, the error is raised.
    """

    __slots__ = ("instead", "make", "source")

    def __init__(
        self,
        source: "asyncio.Future[Source]",
        make: Callable[[Source], Value],
        instead: Callable[[GatewayError], Value] | None = None,
    ) -> None:
        self.source = source
        self.make = make
        self.instead = instead

    def __await__(self) -> Generator[Any, None, Value]:
        """Wait for the source, and make the value."""
        try:
            found = yield from self.source.__await__()
        except GatewayError as error:
            if self.instead is None:
                raise
            return self.instead(error)
        return self.make(found)


Result = TypeVar("Result")


def done(value: Value) -> "asyncio.Future[Value]":
    """Return a future of a value that is there already."""
    future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def failed(error: Exception) -> "asyncio.Future[Any]":
    """Return a future that fails when it is awaited, such as one item of a list; unawaited, it logs nothing."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    future.exception()
    return future


async def together(calls: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """What all of them come to, in their order.

    Where one fails the others are given up before that is told: a call that went on would be charged to nobody.

    Raises:
        Exception: as the first that failed did.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def stop(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all have ended: the Redis client may swallow a cancellation."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)


async def shielded(work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for work that runs to its end even if the waiting is cancelled; its failure is then ignored."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(mark_retrieved)
    return await asyncio.shield(task)


def mark_retrieved(future: "asyncio.Future[Any]") -> None:
    """Retrieve a future's exception, so that it is not logged as unretrieved."""
    if not future.cancelled():
        future.exception()
