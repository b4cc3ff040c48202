"""A value that is made of another one still on its way."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

Source = TypeVar("Source")
Value = TypeVar("Value")


class Later(Generic[Source, Value]):
    """Something to await, without a coroutine and a task for each: a page has hundreds; lives one operation.

    Args:
        source: What is on its way.
        make: Makes the value of it.
    """

    __slots__ = ("make", "source")

    def __init__(self, source: "asyncio.Future[Source]", make: Callable[[Source], Value]) -> None:
        self.source = source
        self.make = make

    def __await__(self) -> Generator[Any, None, Value]:
        """Wait for the source, and make the value."""
        return self.make((yield from self.source.__await__()))
