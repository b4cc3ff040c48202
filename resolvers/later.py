"""A value that is made of another one still on its way."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from resolvers.errors import GatewayError

Source = TypeVar("Source")
Value = TypeVar("Value")


class Later(Generic[Source, Value]):
    """Something to await, without a coroutine and a task for each: a page has hundreds; operation lifetime.

    Args:
        source: What is on its way.
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
