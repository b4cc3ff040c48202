"""Awaitable values and tasks.

`Later` maps a future, `done` and `failed` make ended ones, `together` awaits several calls. `stop` and `shielded` end
background tasks, or protect them from cancellation.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Final, Generic, TypeVar

from resolvers.errors import GatewayError

Source = TypeVar("Source")


Value = TypeVar("Value")

AGAIN_SECONDS: Final = 0.1


class Later(Generic[Source, Value]):
    """A future with a function applied to its result; operation lifetime.

    Args:
        source: The future.
        make: Returns the value for the future's result.
        instead: Returns the value for a `GatewayError` of the future; None to raise the error.
    """

    # Not a coroutine, which would need a task: a page has hundreds of these.

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
        """Wait for the future, and return the value."""
        try:
            found = yield from self.source.__await__()
        except GatewayError as error:
            if self.instead is None:
                raise
            return self.instead(error)
        return self.make(found)


Result = TypeVar("Result")


def done(value: Value) -> "asyncio.Future[Value]":
    """Return a future with a result."""
    future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def failed(error: Exception) -> "asyncio.Future[Any]":
    """Return a future with an exception, such as one item of a list that fails by itself."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    # Retrieved, because the event loop logs an exception that nobody has retrieved.
    future.exception()
    return future


async def together(calls: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run calls concurrently and return their results in order; when one fails, the others are cancelled first.

    Raises:
        Exception: The exception of the first call that failed.
    """
    # Not `gather`, which lets the others go on: their calls would be charged to nobody.
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
