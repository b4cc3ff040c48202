"""A bounded queue of hints that records have changed, so that webhooks are answered before the work they cause."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from resolvers.later import stop

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""Hints that can be queued."""

WORKERS: Final = 8
"""Hints that are processed at a time."""

RETRY_SECONDS: Final = (2.0, 10.0, 30.0)
"""Pauses before the second and later tries to process a hint."""

Hint = tuple[str, str]


class HintQueue:
    """Processes hints in the background. Lifetime: process.

    A hint that is queued is not queued twice. A hint that arrives while an earlier one of the same record is processed
    is queued, because the change may be later than the read.

    Args:
        process: Processes the hint of a kind and id; may raise.
        sleep: Waits between tries; takes seconds.
        size: How many hints may be queued.
    """

    def __init__(
        self,
        process: Callable[[str, str], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]],
        size: int = MAX_WAITING,
    ) -> None:
        self._process = process
        self._sleep = sleep
        self._size = size
        # A dict serves as a queue without duplicates.
        self._waiting: dict[Hint, None] = {}
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0
        """Number of dropped hints; polls find those changes."""

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self) -> None:
        """Start the workers."""
        for _ in range(WORKERS):
            self._spawn(self._work())

    async def close(self) -> None:
        """Stop the workers; queued hints are lost."""
        await stop(self._tasks)

    def offer(self, kind: str, local_id: str) -> bool:
        """Queue a hint; False if the queue is full."""
        # A hint that is queued already takes no place.
        if len(self._waiting) >= self._size and (kind, local_id) not in self._waiting:
            self.dropped += 1
            logger.warning("%d hints wait, so that of %s:%s is dropped; polls go on.", self._size, kind, local_id)
            return False
        self._waiting[kind, local_id] = None
        self._arrived.set()
        return True

    def _spawn(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            hint = next(iter(self._waiting))
            del self._waiting[hint]
            if not await self._succeeds(hint):
                # In a task of its own, so that the worker is not blocked by the pauses.
                self._spawn(self._retry(hint))

    async def _retry(self, hint: Hint) -> None:
        for seconds in RETRY_SECONDS:
            await self._sleep(seconds)
            # A hint that has been queued again makes these tries needless.
            if hint in self._waiting or await self._succeeds(hint):
                return
        logger.warning("What a webhook said of %s:%s could not be checked; polls go on.", *hint)

    async def _succeeds(self, hint: Hint) -> bool:
        try:
            await self._process(*hint)
        # A worker must survive every error, or hints would no longer be processed.
        except Exception as error:  # noqa: BLE001 - another try may succeed
            logger.info("%s:%s is said to have changed and could not be read: %s", *hint, error)
            return False
        return True
