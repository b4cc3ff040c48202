"""One execution that several wait for."""

import asyncio
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SharedResult(Generic[Value]):
    """What one gets and others wait for meanwhile; lives until it has come or failed.

    Each of the waiting has a future of its own, which it may cancel without harm to anybody, and which wakes it in one
    turn of the event loop; `asyncio.shield` would take two.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[Value | None]] = []

    def join(self) -> "asyncio.Future[Value | None]":
        """Wait for the value; None where whoever was to get it gave up.

        Raises:
            Exception: whatever it failed by.
        """
        waiter: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    def land(self, value: Value | None) -> None:
        """Hand the value to all who wait; None where nobody is getting it any more."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(value)

    def fail(self, error: Exception) -> None:
        """Let all who wait meet the failure."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(error)
