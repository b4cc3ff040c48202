"""Ends the work for clients that leave before they are answered."""

import asyncio
from typing import Any, Final

from starlette.types import Receive

LOOK_SECONDS: Final = 0.05
"""How long a request is left alone; most are answered by then, and cost neither a timer nor a task."""


class Departure:
    """Watches one client; lives while its operation runs.

    Args:
        receive: ASGI's, of a request whose body has been read: it tells that the client is gone.
        work: The task to be cancelled then.

    Attributes:
        left: Whether the client has left, and the work was cancelled for that.
    """

    __slots__ = ("_over", "_receive", "_waiting", "_work", "left")

    def __init__(self, receive: Receive, work: "asyncio.Task[Any] | None") -> None:
        self._receive = receive
        self._work = work
        self._waiting: asyncio.Task[None] | None = None
        self._over = False
        self.left = False

    def look(self) -> None:
        """Wait for the client to leave, unless its operation is over."""
        if not self._over:
            self._waiting = asyncio.get_running_loop().create_task(self._wait())

    def end(self) -> None:
        """The operation is over."""
        self._over = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._over and self._work is not None:
            self.left = True
            self._work.cancel()


class Departures:
    """Watches the clients of all operations that take a while; process lifetime."""

    def __init__(self) -> None:
        self._begun: list[Departure] = []

    def watch(self, receive: Receive) -> Departure:
        """Cancel the current task where its client leaves, until `end`.

        Args:
            receive: ASGI's, of a request whose body has been read.
        """
        departure = Departure(receive, asyncio.current_task())
        if not self._begun:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        self._begun.append(departure)
        return departure

    def _look(self) -> None:
        begun, self._begun = self._begun, []
        for departure in begun:
            departure.look()
