"""Cancels operations whose clients have disconnected.

Theory of operation
-------------------
Waiting for `http.disconnect` costs a task for each request, and most requests are answered within milliseconds. So the
`DisconnectWatch`es of one time slice share a timer, and only the operations that still run when it fires get a task.
"""

import asyncio
from typing import Any, Final

import msgspec
from starlette.types import Receive

LOOK_SECONDS: Final = 0.05
"""How long an operation runs before its client is watched."""


class DisconnectWatch(msgspec.Struct):
    """Watches the client of one operation; operation lifetime.

    Args:
        receive: ASGI's `receive` after the request's body was read; reports the disconnect.
        work: The task to cancel when the client disconnects.
        waiting: The task that waits for the disconnect, once the operation has taken `LOOK_SECONDS`.
        over: Whether the operation is over.
        left: Whether the client has disconnected and the work was cancelled.
    """

    receive: Receive
    work: "asyncio.Task[Any] | None"
    waiting: "asyncio.Task[None] | None" = None
    over: bool = False
    left: bool = False

    def look(self) -> None:
        """Start to wait for the disconnect, unless the operation is over."""
        if not self.over:
            self.waiting = asyncio.get_running_loop().create_task(self._wait())

    def end(self) -> None:
        """Stop watching: the operation is over."""
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
    """Watches the clients of all operations; process lifetime."""

    def __init__(self) -> None:
        self._begun: list[DisconnectWatch] = []

    def watch(self, receive: Receive) -> DisconnectWatch:
        """Cancel the current task if its client disconnects before `DisconnectWatch.end` is called.

        Args:
            receive: ASGI's `receive` after the request's body was read.
        """
        loop = asyncio.get_running_loop()
        watch = DisconnectWatch(receive, asyncio.current_task(loop))
        # One timer for all that begin until it fires.
        if not self._begun:
            loop.call_later(LOOK_SECONDS, self._look)
        self._begun.append(watch)
        return watch

    def _look(self) -> None:
        begun, self._begun = self._begun, []
        for watch in begun:
            watch.look()
