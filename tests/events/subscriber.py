"""A subscriber that takes what it is told and notes it."""

import asyncio
from collections.abc import AsyncGenerator

from resolvers.events.interface import StatusEvent, StatusEventKind

WAIT_SECONDS = 20.0
"""Far above what anything takes; only a test that fails waits so long."""


class Subscriber:
    """Reads a subscription until it ends; lives as long as a test.

    Attributes:
        news: Everything that was told.
        ended: Whether the subscription ended by itself.
    """

    def __init__(self, events: AsyncGenerator[StatusEvent, None]) -> None:
        self.news: list[StatusEvent] = []
        self.ended = False
        self._events = events
        self._arrived = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for each in self._events:
            self.news.append(each)
            self._arrived.set()
        self.ended = True

    async def until(self, count: int) -> None:
        """Wait until so much was told; for subscribers whose news comes over a socket."""
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.news) < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._events.aclose()

    @property
    def events(self) -> list[StatusEvent]:
        """What was told of records, and GAPs."""
        return [each for each in self.news if each.problem is None]

    @property
    def problems(self) -> list[StatusEvent]:
        return [each for each in self.news if each.problem is not None]

    @property
    def told(self) -> list[str]:
        """What was told in short: `SNAPSHOT accepted`, `CHANGE accepted > complete`, `GAP`."""
        return [in_short(each) for each in self.news]


def in_short(news: StatusEvent) -> str:
    if news.problem is not None:
        return f"{news.problem.code} {news.problem.subject_id}"
    if news.kind is StatusEventKind.CHANGE:
        return f"CHANGE {news.previous_raw_status} > {news.raw_status}"
    return f"{news.kind.name} {news.raw_status}" if news.raw_status else news.kind.name
