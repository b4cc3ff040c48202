"""Signs of life on a connection where nothing happens, so that no proxy on the way takes it for dead."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol


class Beat(Protocol):
    """Sends one sign of life."""

    def __call__(self) -> Coroutine[Any, Any, None]:
        """Send it."""
        ...


class Heartbeat:
    """Sends a sign of life at each interval; connection lifetime.

    It is a timer and no task, for there is one for each of thousands of connections.

    Args:
        seconds: The interval.
        beat: Sends one; left out while the one before has not been accepted, because the client does not read.
    """

    __slots__ = ("_beat", "_beating", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float, beat: Beat) -> None:
        self._seconds = seconds
        self._beat = beat
        self._beating: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._tick)

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()

    def _tick(self) -> None:
        if self._beating is None or self._beating.done():
            self._beating = self._loop.create_task(self._send())
        self._timer = self._loop.call_later(self._seconds, self._tick)

    async def _send(self) -> None:
        try:
            await self._beat()
        except OSError:
            # The client is gone, which whoever reads from it is about to learn.
            self._timer.cancel()
