"""Ends the work for clients that leave before they are answered."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.types import Receive

LOOK_SECONDS: Final = 0.05
"""How long a request is left alone; most are answered by then, and cost neither a timer nor a task."""


class DisconnectWatch(msgspec.Struct):
    """Watches one client; operation lifetime.

    Args:
        receive: ASGI's, of a request whose body has been read: it tells that the client is gone.
        work: The task to be cancelled then.
        waiting: Waits for the client to leave, once the operation has taken `LOOK_SECONDS`.
        over: Whether the operation is over.
        left: Whether the client has left, and the work was cancelled for that.
    """

    receive: Receive
    work: "asyncio.Task[Any] | None"
    waiting: "asyncio.Task[None] | None" = None
    over: bool = False
    left: bool = False

    def look(self) -> None:
        """Wait for the client to leave, unless its operation is over."""
        if not self.over:
            self.waiting = asyncio.get_running_loop().create_task(self._wait())

    def end(self) -> None:
        """Watch no more: the operation is over."""
        self.over = True
        if self.waiting is not None:
            self.waiting.cancel()

    async def _wait(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        if not self.over and self.work is not None:
            self.left = True
            self.work.cancel()


class DisconnectWatches:
    """Watches the clients of all operations that take a while; process lifetime."""

    def __init__(self) -> None:
        self._begun: list[DisconnectWatch] = []

    def watch(self, receive: Receive) -> DisconnectWatch:
        """Cancel the current task where its client leaves, until `end`.

        Args:
            receive: ASGI's, of a request whose body has been read.
        """
        loop = asyncio.get_running_loop()
        watch = DisconnectWatch(receive, asyncio.current_task(loop))
        if not self._begun:
            loop.call_later(LOOK_SECONDS, self._look)
        self._begun.append(watch)
        return watch

    def _look(self) -> None:
        begun, self._begun = self._begun, []
        for watch in begun:
            watch.look()
