"""A subscriber that takes what it is told and notes it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeAlias

from resolvers.events.status_event import StatusEvent, StatusEventKind, StatusProblem

News: TypeAlias = StatusEvent | StatusProblem

WAIT_SECONDS = 20.0
"""Far above what anything takes; only a test that fails waits so long."""


class Subscriber:
    """Reads a subscription until it ends; lives as long as a test.

    Attributes:
        news: Everything that was told.
        ended: Whether the subscription ended by itself.
    """

    def __init__(self, events: AsyncGenerator[News, None]) -> None:
        self.news: list[News] = []
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
        return [each for each in self.news if isinstance(each, StatusEvent)]

    @property
    def problems(self) -> list[StatusProblem]:
        return [each for each in self.news if isinstance(each, StatusProblem)]

    @property
    def told(self) -> list[str]:
        """What was told in short: `SNAPSHOT accepted`, `CHANGE accepted > complete`, `GAP`."""
        return [in_short(each) for each in self.news]


def in_short(news: News) -> str:
    if isinstance(news, StatusProblem):
        return f"{news.error.code} {news.id}"
    if news.kind is StatusEventKind.CHANGE:
        return f"CHANGE {news.previous_raw_status} > {news.raw_status}"
    return f"{news.kind.name} {news.raw_status}" if news.raw_status else news.kind.name
